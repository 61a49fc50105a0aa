"""Queries on administrators' template texts; all versions are stored, the newest is in force."""

import time
from typing import Any, Final

from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.chassis.common import clock
from services.chassis.common.errors import Conflict, NotFound
from services.chassis.stores.mongo import MongoStore

Document = dict[str, Any]
KEEP_SECONDS: Final = 2.0
"""How long a process caches the newest version."""


class Templates:
    """The collection `templates`; `_id` is KIND:LOCALE:VERSION."""

    def __init__(self, store: MongoStore, database: Database[Document]) -> None:
        self.store = store
        self.templates = database["templates"]
        self._cache: dict[tuple[str, str], tuple[float, Document | None]] = {}

    def indexes(self) -> None:
        self.templates.create_index([("kind", 1), ("locale", 1), ("version", -1)], unique=True)

    def current(self, kind: str, locale: str) -> Document | None:
        """The newest version (cached), or None if the shop's own texts are in force."""
        until, cached = self._cache.get((kind, locale), (0.0, None))
        if time.monotonic() < until:
            return cached
        newest = self.templates.find_one({"kind": kind, "locale": locale}, sort=[("version", -1)])
        self._cache[kind, locale] = (time.monotonic() + KEEP_SECONDS, newest)
        return newest

    def versions(self, kind: str, locale: str) -> list[Document]:
        versions_ = self.templates.find({"kind": kind, "locale": locale}).sort("version", -1).limit(50)
        return [
            {
                "version": version_["version"],
                "author": version_["author"],
                "text": version_["text"],
                "at": clock.rfc3339(version_["at"]),
            }
            for version_ in versions_
        ]

    def save(self, kind: str, locale: str, text: Document, version: int, author: str | None) -> int:
        """Store the version after `version`; returns its number. Raises `Conflict` if there is a newer one."""

        def work(session: ClientSession) -> int:
            newest = self.templates.find_one({"kind": kind, "locale": locale}, sort=[("version", -1)], session=session)
            current = newest["version"] if newest else 0
            if current != version:
                raise Conflict(
                    "The template was changed meanwhile", [{"field": "version", "message": "is not the current one"}]
                )
            row = {"kind": kind, "locale": locale, "version": version + 1, "text": text, "author": author}
            self.templates.insert_one(
                {"_id": f"{kind}:{locale}:{version + 1}", "at": clock.now(), **row}, session=session
            )
            before = newest["text"] if newest else None
            self.store.audit(session, "template.set", ("template", f"{kind}:{locale}"), before, text)
            return version + 1

        saved = self.store.in_transaction(work)
        self._cache.pop((kind, locale), None)
        return saved

    def version(self, kind: str, locale: str, version: int) -> Document:
        """The texts of a version. Raises `NotFound`."""
        template = self.templates.find_one({"_id": f"{kind}:{locale}:{version}"})
        if template is None:
            raise NotFound("There is no such version of this template")
        return dict(template["text"])

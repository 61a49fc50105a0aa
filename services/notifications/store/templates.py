"""Every query on templates that administrators have changed: every version is kept, the newest counts."""

import time
from typing import Any, Final

from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.chassis.common import clock
from services.chassis.common.errors import Conflict, NotFound
from services.chassis.stores.mongo import MongoStore

Document = dict[str, Any]
KEPT_SECONDS: Final = 2.0
"""How long a process goes by what it last read."""


class Templates:
    """The collection `templates`; `_id` is KIND:LOCALE:VERSION."""

    def __init__(self, store: MongoStore, database: Database[Document]) -> None:
        self.store = store
        self.templates = database["templates"]
        self._known: dict[tuple[str, str], tuple[float, Document | None]] = {}

    def indexes(self) -> None:
        self.templates.create_index([("kind", 1), ("locale", 1), ("version", -1)], unique=True)

    def current(self, kind: str, locale: str) -> Document | None:
        """The newest version, or None while the shop's own counts; as of two seconds ago at most."""
        until, known = self._known.get((kind, locale), (0.0, None))
        if time.monotonic() < until:
            return known
        found = self.templates.find_one({"kind": kind, "locale": locale}, sort=[("version", -1)])
        self._known[kind, locale] = (time.monotonic() + KEPT_SECONDS, found)
        return found

    def versions(self, kind: str, locale: str) -> list[Document]:
        found = self.templates.find({"kind": kind, "locale": locale}).sort("version", -1).limit(50)
        return [
            {"version": one["version"], "author": one["author"], "text": one["text"], "at": clock.rfc3339(one["at"])}
            for one in found
        ]

    def save(self, kind: str, locale: str, text: Document, version: int, author: str | None) -> int:
        """A new version behind `version`; its number. Raises `Conflict` when there is a newer one."""

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
        self._known.pop((kind, locale), None)
        return saved

    def version(self, kind: str, locale: str, version: int) -> Document:
        """Raises `NotFound`."""
        found = self.templates.find_one({"_id": f"{kind}:{locale}:{version}"})
        if found is None:
            raise NotFound("There is no such version of this template")
        return dict(found["text"])

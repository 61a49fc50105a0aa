"""Persisted documents: a client sends the SHA-256 of a document that it sent once (Apollo's protocol), or that the
operator has listed in a file.

https://www.apollographql.com/docs/apollo-server/performance/apq
"""

import hashlib
import re
import threading
import time
from pathlib import Path
from typing import Any, ClassVar, Final

import orjson
import redis
import structlog
from cachetools import LRUCache

from gateway_flask.graphql.documents import Document, Documents
from gateway_flask.graphql.request import GraphqlRequest
from gateway_flask.settings import GatewaySettings
from services.chassis.common.errors import BadRequest, DomainError, Forbidden, ValidationFailed

log = structlog.get_logger()

INDEX: Final = "gateway:graphql:documents"
PREFIX: Final = "gateway:graphql:document:"
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_KEEP: Final = """
redis.call('SET', KEYS[2], ARGV[2])
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
local excess = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[4])
if excess > 0 then
  for _, oldest in ipairs(redis.call('ZPOPMIN', KEYS[1], excess)) do
    if #oldest == 64 then redis.call('DEL', ARGV[5] .. oldest) end
  end
end
return 1
"""
"""The oldest documents give way; each member of the index is a SHA-256 of 64 characters, scores are shorter."""


class PersistedQueryNotFound(DomainError):
    """The client is to send the document with its hash. Apollo's clients know it by this message."""

    code: ClassVar[str] = "PERSISTED_QUERY_NOT_FOUND"
    status: ClassVar[int] = 200
    default_message: ClassVar[str] = "PersistedQueryNotFound"


class PersistedDocuments:
    """The documents by hash: those of the file, and in Redis those that clients have sent, up to a number."""

    def __init__(self, client: "redis.Redis", settings: GatewaySettings) -> None:
        self._client, self._settings = client, settings
        self._keep = client.register_script(_KEEP)
        self._listed = _listed(settings.graphql_documents_file)
        self._sent: LRUCache[str, str] = LRUCache(max(settings.graphql_persisted, 1))
        self._lock = threading.Lock()

    def document(self, request: GraphqlRequest, documents: Documents) -> Document:
        """The document that the request names or holds. A new one is kept once it is valid."""
        digest = _digest(request.extensions)
        if self._settings.graphql_only_persisted:
            return documents.get(self._only_listed(request, digest))
        if digest is None:
            if request.query is None:
                raise ValidationFailed.of("query", "is required")
            return documents.get(request.query)
        if request.query is None:
            return documents.get(self._find(digest))
        if hashlib.sha256(request.query.encode()).hexdigest() != digest:
            raise BadRequest("The SHA-256 is not that of the document")
        document = documents.get(request.query)
        self._store(digest, request.query)
        return document

    def _only_listed(self, request: GraphqlRequest, digest: str | None) -> str:
        if digest is None and request.query is not None:
            digest = hashlib.sha256(request.query.encode()).hexdigest()
        source = self._listed.get(digest or "")
        if source is None:
            raise Forbidden("Only the shop's own documents are carried out here")
        return source

    def _find(self, digest: str) -> str:
        source = self._listed.get(digest) or self._recent(digest)
        if source is None:
            source = self._read(digest)
            if source is None:
                raise PersistedQueryNotFound
            self._note(digest, source)
        return source

    def _recent(self, digest: str) -> str | None:
        with self._lock:
            return self._sent.get(digest)

    def _note(self, digest: str, source: str) -> None:
        with self._lock:
            self._sent[digest] = source

    def _read(self, digest: str) -> str | None:
        try:
            stored: Any = self._client.get(PREFIX + digest)
        except redis.RedisError as error:
            log.warning("persisted_documents_unavailable", error=type(error).__name__)
            return None
        return stored.decode() if stored is not None else None

    def _store(self, digest: str, source: str) -> None:
        if self._recent(digest) is not None or self._settings.graphql_persisted == 0:
            return
        try:
            self._keep(
                keys=[INDEX, PREFIX + digest],
                args=[digest, source, time.time(), self._settings.graphql_persisted, PREFIX],
            )
        except redis.RedisError as error:
            log.warning("persisted_documents_unavailable", error=type(error).__name__)
            return
        self._note(digest, source)


def _digest(extensions: dict[str, Any]) -> str | None:
    persisted = extensions.get("persistedQuery")
    if persisted is None:
        return None
    digest = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    if not isinstance(digest, str) or not _HASH.fullmatch(digest) or persisted.get("version") != 1:
        raise ValidationFailed.of("extensions.persistedQuery", "must have version 1 and a sha256Hash")
    return digest


def _listed(file: str) -> dict[str, str]:
    """The operator's documents. Raises `ValueError` for a hash that is not that of its document."""
    if not file:
        return {}
    documents: dict[str, str] = orjson.loads(Path(file).read_bytes())
    for digest, source in documents.items():
        if hashlib.sha256(source.encode()).hexdigest() != digest:
            raise ValueError(f"{file}: {digest} is not the SHA-256 of its document")
    return documents

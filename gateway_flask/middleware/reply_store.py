"""Store of replies by idempotency key, in Redis. Each step is one atomic script.

Replies are encrypted: those of sign-ins hold tokens, those of guests' orders their access key.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import orjson
import redis
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

log = structlog.get_logger()

LEASE_MS: Final = 10_000
"""Milliseconds that a claim lasts, longer than a request may take: a killed gateway, or one that could not release
its claim while Redis was away, blocks the key no longer.
"""
NONCE_BYTES: Final = 12
"""NIST SP 800-38D, 5.2.1.1."""

_CLAIM: Final = """
local kept = redis.call('HMGET', KEYS[1], 'fingerprint', 'status', 'headers', 'body')
if not kept[1] then
  redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'mark', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return {'ours'}
end
if kept[1] ~= ARGV[1] then return {'reused'} end
if kept[2] then return {'done', kept[2], kept[3], kept[4]} end
return {'in_progress'}
"""
_KEEP: Final = """
if redis.call('HGET', KEYS[1], 'mark') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'status', ARGV[2], 'headers', ARGV[3], 'body', ARGV[4])
redis.call('HDEL', KEYS[1], 'mark')
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
"""
_FORGET: Final = """
if redis.call('HGET', KEYS[1], 'mark') == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class Verdict(Enum):
    """The outcome of claiming a key."""

    OURS = b"ours"
    DONE = b"done"
    IN_PROGRESS = b"in_progress"
    REUSED = b"reused"
    UNKNOWN = b"unknown"
    """Redis can't be reached: the services decide."""


@dataclass(frozen=True)
class StoredReply:
    """A reply as it was sent."""

    status: int
    headers: dict[str, str]
    body: bytes


class ReplyStore:
    """The store; an outage of Redis fails no request."""

    def __init__(self, client: "redis.Redis", keep_ms: int, secret: bytes) -> None:
        self._keep_ms = keep_ms
        self._cipher = AESGCM(hashlib.blake2b(b"kept replies", key=secret[:64], digest_size=32).digest())
        self._claim = client.register_script(_CLAIM)
        self._keep = client.register_script(_KEEP)
        self._forget = client.register_script(_FORGET)

    @staticmethod
    def name(owner: str, key: str) -> str:
        """The Redis key for an owner's idempotency key."""
        return "gateway:idempotency:" + hashlib.sha256(f"{owner}\n{key}".encode()).hexdigest()

    def claim(self, name: str, fingerprint: str, mark: str) -> tuple[Verdict, StoredReply | None]:
        """Claim the key with `mark`, unless it is claimed or has a reply."""
        answer = self._try(self._claim, name, fingerprint, mark, LEASE_MS)
        if answer is None:
            return Verdict.UNKNOWN, None
        verdict = Verdict(answer[0])
        if verdict is not Verdict.DONE:
            return verdict, None
        try:
            body = self._cipher.decrypt(answer[3][:NONCE_BYTES], answer[3][NONCE_BYTES:], name.encode())
        except InvalidTag:  # stored under another secret: the services decide
            return Verdict.UNKNOWN, None
        return verdict, StoredReply(int(answer[1]), orjson.loads(answer[2]), body)

    def keep(self, name: str, mark: str, reply: StoredReply) -> bool:
        """Store the reply, if the key is still claimed by `mark`."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        body = nonce + self._cipher.encrypt(nonce, reply.body, name.encode())
        return bool(self._try(self._keep, name, mark, reply.status, orjson.dumps(reply.headers), body, self._keep_ms))

    def forget(self, name: str, mark: str) -> bool:
        """Release the claim."""
        return bool(self._try(self._forget, name, mark))

    def _try(self, script: Callable[..., Any], name: str, *arguments: Any) -> Any:
        try:
            return script(keys=[name], args=list(arguments))
        except redis.RedisError as error:
            log.warning("idempotency_store_unavailable", error=type(error).__name__)
            return None


def connect(url: str) -> "redis.Redis":
    """A Redis client with short time-outs."""
    pool = redis.BlockingConnectionPool.from_url(
        url, max_connections=32, timeout=0.5, socket_timeout=0.5, socket_connect_timeout=0.5, decode_responses=False
    )
    return redis.Redis(connection_pool=pool)

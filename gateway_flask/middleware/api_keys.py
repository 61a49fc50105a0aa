"""API keys: `X-API-Key` is resolved by auth, at most once a second per key and process."""

import re
import threading
from dataclasses import dataclass
from typing import Final

from cachetools import TTLCache

from gateway_flask.rpc import calls
from schemas.caller import Caller
from schemas.rpc.auth import AuthRpc
from services.chassis.common.errors import Unauthenticated

SECONDS: Final = 1.0
"""How long a resolved key is kept: a deleted one, or roles taken from its owner, work for so long."""
MAX_KEYS: Final = 10_000
_KEY: Final = re.compile(r"umk_[A-Za-z0-9_\-]{20,100}")


@dataclass(frozen=True)
class IdentifiedKey:
    """A valid key: its id, the caller that it stands for, and its own rate limit."""

    id: str
    caller: Caller
    requests_per_minute: int | None


class ApiKeys:
    """The keys seen lately. Unknown ones are kept as well, so that guessing costs one call a second."""

    def __init__(self) -> None:
        self._keys: TTLCache[str, IdentifiedKey | None] = TTLCache(MAX_KEYS, SECONDS)
        self._lock = threading.Lock()

    def identify(self, sent: str) -> IdentifiedKey:
        """The key. Raises `Unauthenticated` for an unknown, expired or deleted one."""
        if not _KEY.fullmatch(sent):
            raise Unauthenticated("X-API-Key is not a key of ours")
        with self._lock:
            is_cached = sent in self._keys
            key = self._keys.get(sent)
        if not is_cached:
            key = self._resolve(sent)
            with self._lock:
                self._keys[sent] = key
        if key is None:
            raise Unauthenticated("The API key is not valid")
        return key

    @staticmethod
    def _resolve(sent: str) -> IdentifiedKey | None:
        try:
            identified = calls.call(AuthRpc.identify_key, key=sent).value
        except Unauthenticated:
            return None
        caller = Caller.model_construct(**identified.caller)
        return IdentifiedKey(identified.key_id, caller, identified.requests_per_minute)

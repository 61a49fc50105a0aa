"""RPC interface of the search service."""

from typing import Protocol

from schemas.api.search import (
    RebuildPage,
    RebuildResult,
    RebuildStart,
    SearchPage,
    SearchQuery,
    Suggestions,
    SuggestQuery,
)
from schemas.api.search_tuning import Preview, TuningPreviewRequest, TuningReply, TuningWrite
from schemas.base import Id
from schemas.caller import Caller


class SearchRpc(Protocol):
    """Product search, suggestions, tuning, and the rebuild of the index."""

    def search(self, query: SearchQuery) -> SearchPage:
        """Search products; by the catalogue's titles (`degraded`) while the engine is unavailable."""
        ...

    def suggest(self, query: SuggestQuery) -> Suggestions:
        """Suggest products, categories and queries; empty while the engine is unavailable."""
        ...

    def get_tuning(self, caller: Caller) -> TuningReply:
        """Get the tuning in force; version 0 for the default."""
        ...

    def set_tuning(self, tuning: TuningWrite, caller: Caller) -> TuningReply:
        """Replace the tuning; in force in every process within two seconds. Raises `Conflict`."""
        ...

    def preview_tuning(self, request: TuningPreviewRequest, caller: Caller) -> Preview:
        """Preview a tuning on a query: both rankings with reasons. Raises `ServiceUnavailable` without the engine."""
        ...

    def rebuild_begin(self) -> RebuildStart:
        """Create a new index beside the live one; changes are written to both from now on."""
        ...

    def rebuild_page(self, index: str, after: Id | None = None) -> RebuildPage:
        """Copy a page of products after this id. Raises `ServiceUnavailable` if another rebuild has begun."""
        ...

    def rebuild_finish(self, index: str) -> RebuildResult:
        """Copy what has changed meanwhile, and replace the live index. Raises `ServiceUnavailable`."""
        ...

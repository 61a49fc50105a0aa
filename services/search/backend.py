"""What one process of the service has: the store, and the engine behind its breaker."""

from typing import Any

import eventlet
import structlog

from services.chassis.faults import as_domain_error
from services.chassis.settings import load
from services.chassis.stores.elastic import Elastic
from services.search.engine import Engine
from services.search.settings import SearchSettings
from services.search.store import SearchStore

LOOK_AGAIN_SECONDS = 30.0
RETRY_SECONDS = 1.0

log = structlog.get_logger()


class Backend(Elastic[SearchStore]):
    """Makes the indexes as soon as Elasticsearch is there; the service runs before, on the catalogue alone."""

    def __init__(self) -> None:
        super().__init__(SearchStore)

    def setup(self) -> None:
        super().setup()
        settings = load(SearchSettings)
        self.engine = Engine(self.store, settings.search_seconds, settings.search_rest_seconds)

    def start(self) -> None:
        self.container.spawn_managed_thread(self._prepare, identifier="indexes")

    def get_dependency(self, worker_ctx: Any) -> "Backend":  # type: ignore[override]
        return self

    def _prepare(self) -> None:
        """Again from time to time: whoever replaced the cluster by an empty one must not have to restart us."""
        while True:
            try:
                self.store.prepare()
            except Exception as away:
                if as_domain_error(away) is None:
                    raise
                log.warning("no_indexes_yet", error=str(away)[:300])
                eventlet.sleep(RETRY_SECONDS)
            else:
                eventlet.sleep(LOOK_AGAIN_SECONDS)

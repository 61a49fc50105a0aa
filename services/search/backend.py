"""Search backend: store and search engine client of a process, and their periodic maintenance."""

import time
from typing import Any

import eventlet
import structlog

from services.chassis.common.driver_errors import as_domain_error
from services.chassis.messaging.transport import BROKER_ERRORS
from services.chassis.outbox.publisher import ConfirmingPublisher
from services.chassis.runtime.settings import load
from services.chassis.stores.elastic import Document, Elastic
from services.search.engine.client import SearchEngine
from services.search.settings import SearchSettings
from services.search.store import SearchStore

PREPARE_SECONDS = 30.0
REFRESH_SECONDS = 1.0

log = structlog.get_logger()


class SearchBackend(Elastic[SearchStore]):
    """Creates the indexes once Elasticsearch is available; until then the service uses the catalogue."""

    def __init__(self) -> None:
        super().__init__(SearchStore)

    def setup(self) -> None:
        super().setup()
        settings = load(SearchSettings)
        self.engine = SearchEngine(self.store, settings.search_seconds, settings.search_rest_seconds)

    def start(self) -> None:
        self._maintenance = self.container.spawn_managed_thread(self._maintain, identifier="search-maintenance")

    def stop(self) -> None:
        """End the maintenance first: on a closed client it would report an outage."""
        self._maintenance.kill()
        super().stop()

    def get_dependency(self, worker_ctx: Any) -> "SearchBackend":  # type: ignore[override]
        return self

    def _maintain(self) -> None:
        """Create missing indexes every `PREPARE_SECONDS`, and refresh reference data every second.

        The former is repeated so that an emptied cluster does not require a restart.
        """
        prepare_at, unavailable, warm = 0.0, False, False
        while True:
            try:
                if time.monotonic() >= prepare_at:
                    self.store.prepare()
                    prepare_at = time.monotonic() + PREPARE_SECONDS
                self.store.reference_data.refresh()
                warm = warm or self.engine.warm_up(self.store.reference_data.current())
                self.store.reference_data.publish_pending(self._publish)
                unavailable = False
            except Exception as failure:
                if as_domain_error(failure) is None:
                    raise
                if not unavailable:
                    log.warning("search_engine_unavailable", error=str(failure)[:300])
                prepare_at, unavailable, warm = 0.0, True, False
            eventlet.sleep(REFRESH_SECONDS)

    def _publish(self, envelopes: list[Document]) -> set[str]:
        """Publish envelopes; returns the ids that the broker has confirmed."""
        try:
            publisher = ConfirmingPublisher(self.container.config["SETTINGS"].amqp_url, self.container.service_name)
            try:
                return publisher.publish(envelopes)
            finally:
                publisher.close()
        except BROKER_ERRORS as error:
            log.warning("audit_events_not_published", error=str(error)[:300])
            return set()

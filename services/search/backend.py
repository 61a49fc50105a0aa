"""What one process of the service has: the store, and the engine behind its breaker."""

import time
from typing import Any

import eventlet
import structlog

from services.chassis.common.driver_errors import as_domain_error
from services.chassis.messaging.transport import BROKER_ERRORS
from services.chassis.outbox.publisher import ConfirmingPublisher
from services.chassis.runtime.settings import load
from services.chassis.stores.elastic import Document, Elastic
from services.search.engine import Engine
from services.search.settings import SearchSettings
from services.search.store import SearchStore

PREPARE_SECONDS = 30.0
FACTS_SECONDS = 1.0

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
        self.container.spawn_managed_thread(self._keep_up, identifier="indexes-and-facts")

    def get_dependency(self, worker_ctx: Any) -> "Backend":  # type: ignore[override]
        return self

    def _keep_up(self) -> None:
        """Make the indexes, and read once a second what administrators set.

        The former again from time to time: who replaced the cluster by an empty one must not have to restart us.
        """
        prepare_at, away, warm = 0.0, False, False
        while True:
            try:
                if time.monotonic() >= prepare_at:
                    self.store.prepare()
                    prepare_at = time.monotonic() + PREPARE_SECONDS
                self.store.facts.refresh()
                warm = warm or self.engine.warm_up(self.store.facts.known())
                self.store.facts.publish_pending(self._publish)
                away = False
            except Exception as failure:
                if as_domain_error(failure) is None:
                    raise
                if not away:
                    log.warning("engine_away", error=str(failure)[:300])
                prepare_at, away, warm = 0.0, True, False
            eventlet.sleep(FACTS_SECONDS)

    def _publish(self, envelopes: list[Document]) -> set[str]:
        """The ids of those that the broker has."""
        try:
            publisher = ConfirmingPublisher(self.container.config["AMQP_URI"], self.container.service_name)
            try:
                return publisher.publish(envelopes)
            finally:
                publisher.close()
        except BROKER_ERRORS as away:
            log.warning("not_published_yet", error=str(away)[:300])
            return set()

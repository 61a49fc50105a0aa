"""Resumes sagas whose process died or whose step had to wait: several at once, each under a lease of its own."""

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context

import structlog

from services.chassis.common.driver_errors import as_domain_error
from services.chassis.common.errors import ServiceUnavailable
from services.orders.checkout import Checkout
from services.orders.domain import saga
from services.orders.store import OrderStore

PARALLEL = 8
"""Maximum number of sagas that one process resumes at the same time."""

log = structlog.get_logger()


def resume_all(store: OrderStore, checkout: Checkout) -> None:
    """Resume all sagas that are due. One is taken over when there is a thread for it, so that no lease ends while its
    order waits here. Raises `ServiceUnavailable` when a store is away.
    """
    running: set[Future[None]] = set()
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="saga") as pool:
        while True:
            free = PARALLEL - len(running)
            due = store.take_over(free) if free else []
            running |= {pool.submit(copy_context().run, _resume, store, checkout, order_id) for order_id in due}
            if not running:
                return
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for one in ended:
                one.result()


def _resume(store: OrderStore, checkout: Checkout, order_id: str) -> None:
    try:
        checkout.drive(store.read(order_id), time.monotonic() + saga.RETRY[-1].total_seconds())
    except Exception as error:  # whatever is wrong with one order, the others are not to wait for it
        if isinstance(as_domain_error(error), ServiceUnavailable):
            raise  # a store is away: nothing can be done for any of them
        log.exception("saga_failed", order_id=order_id)

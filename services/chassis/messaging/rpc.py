"""RPC methods of a service, over Nameko's protocol, with deadlines, typed errors and transient replies.

Stock Nameko persists and confirms every reply on a pooled producer; that is two thirds of a service's CPU. A reply
that is lost is missed by its caller's deadline, and every method may be called again, so ours are transient.
"""

import json
import sys
import time
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import structlog
from kombu import Queue
from nameko.exceptions import ContainerBeingKilled, MethodNotFound, serialize
from nameko.extensions import Entrypoint, ProviderCollector, SharedExtension
from nameko.messaging import HeaderDecoder
from nameko.rpc import RPC_QUEUE_TEMPLATE, get_rpc_exchange

from schemas.permissions.rpc_methods import access_of
from services.chassis.common import context
from services.chassis.common.driver_errors import as_domain_error
from services.chassis.common.errors import DeadlineExceeded, DomainError, ServiceUnavailable
from services.chassis.messaging import local_calls
from services.chassis.messaging.authorization import guarded
from services.chassis.messaging.local_calls import LocalRequest
from services.chassis.messaging.queue_consumer import OrderedQueueConsumer
from services.chassis.messaging.signatures import Signature, jsonable
from services.chassis.messaging.transport import RPC_EXCHANGE, Publisher, dumps
from services.chassis.messaging.typed_calls import address, reply_type
from services.chassis.observability.metrics import RPC_SECONDS, WORKERS_BUSY

log = structlog.get_logger()


class RpcPublisher(SharedExtension):
    """The container's connection for publishing requests and replies."""

    publisher: Publisher

    def setup(self) -> None:
        self.publisher = Publisher(self.container.config["AMQP_URI"], self.container.config.get("AMQP_SSL"))

    def stop(self) -> None:
        self.publisher.close()

    def kill(self) -> None:
        self.publisher.close()


class RpcConsumer(SharedExtension, ProviderCollector):
    """Consumes the RPC queue of a service and dispatches each request to its method."""

    queue_consumer = OrderedQueueConsumer()
    rpc_publisher = RpcPublisher()

    def __init__(self) -> None:
        self.queue: Queue | None = None
        self.methods: dict[str, Rpc] = {}
        self.local_requests: set[LocalRequest] = set()
        """Requests of other services of this process that wait for their replies."""
        super().__init__()

    def setup(self) -> None:
        if self.queue is None:
            service = self.container.service_name
            self.queue = Queue(
                RPC_QUEUE_TEMPLATE.format(service),
                exchange=get_rpc_exchange(self.container.config),
                routing_key=f"{service}.*",
                durable=True,
            )
            self.queue_consumer.register_provider(self)

    def start(self) -> None:
        if self.container.config["SETTINGS"].local_calls:
            local_calls.register(self.container.service_name, self)

    def kill(self) -> None:
        local_calls.unregister(self.container.service_name, self)
        for request in list(self.local_requests):
            self.requeue(request)

    def register_provider(self, provider: "Rpc") -> None:
        self.methods[provider.method_name] = provider
        super().register_provider(provider)

    def unregister_provider(self, provider: "Rpc") -> None:
        local_calls.unregister(self.container.service_name, self)
        super().unregister_provider(provider)
        if not self._providers:
            self.queue_consumer.unregister_provider(self)

    def wait_for_worker(self) -> None:
        """Wait until the service has a free worker."""
        if self.container._worker_pool.free() <= 0:
            with self.container._worker_pool.sem:
                pass

    def handle_message(self, body: Any, message: Any) -> None:
        method = message.delivery_info["routing_key"].rpartition(".")[2]
        try:
            if method not in self.methods:
                raise MethodNotFound(method)
            self.methods[method].handle_message(body, message)
        except Exception:  # whatever is wrong with the request, the caller gets an error reply
            self.answer(message, None, sys.exc_info()[1])

    def requeue(self, message: Any) -> None:
        """Let another process handle the request: this service is being killed."""
        if isinstance(message, LocalRequest):
            self.answer(message, None, ServiceUnavailable("The service is being stopped"))
        else:
            self.queue_consumer.requeue_message(message)

    def answer(self, message: Any, result: Any, error: BaseException | None) -> None:
        """Send the reply and acknowledge the request. An unreachable caller runs into its deadline."""
        body = _reply(result, error)
        if isinstance(message, LocalRequest):
            message.reply(body)
            return
        properties = message.properties
        if properties.get("reply_to"):
            try:
                self.rpc_publisher.publisher.publish(
                    body,
                    exchange=RPC_EXCHANGE,
                    routing_key=properties["reply_to"],
                    correlation_id=properties.get("correlation_id"),
                )
            except DomainError as unreachable:
                log.warning("reply_lost", error=str(unreachable))
        self.queue_consumer.ack_message(message)


def _reply(result: Any, error: BaseException | None) -> bytes:
    """The reply's body. Values that JSON can't express become an error; details that it can't express become text."""
    if error is None:
        try:
            return dumps({"result": result, "error": None})
        except TypeError as unserialisable:
            error = unserialisable
    domain = as_domain_error(error)
    body = {"result": None, "error": serialize(domain or error) | (domain.to_wire() if domain else {})}
    try:
        return dumps(body)
    except TypeError:
        return json.dumps(body, default=str, ensure_ascii=False, skipkeys=True).encode("utf-8", "replace")


class Rpc(Entrypoint, HeaderDecoder):
    """`@rpc`: the method's annotations say what it takes and replies (see `signatures.Signature`)."""

    rpc_consumer = RpcConsumer()
    signature: Signature
    interface: Callable[..., Any] | None
    """The method of the RPC interface that this one implements, where it was declared by `implements`."""

    def setup(self) -> None:
        method = getattr(self.container.service_cls, self.method_name)
        self.signature = Signature(method)
        self.interface = getattr(method, "implements", None)
        self.check_replies = bool(self.container.config["SETTINGS"].check_replies)
        self.rpc_consumer.register_provider(self)

    def stop(self) -> None:
        self.rpc_consumer.unregister_provider(self)

    def handle_message(self, body: dict[str, Any], message: Any) -> None:
        data = self.unpack_message_headers(message)
        deadline = context.local_deadline(data, getattr(message, "received_at", time.monotonic()))
        data = {key: value for key, value in data.items() if key not in ("deadline", "remaining")}
        if deadline is not None:
            if deadline < time.monotonic():
                raise DeadlineExceeded("The caller has stopped waiting")
            data["deadline"] = deadline
        arguments = self.signature.arguments(body.get("args") or [], body.get("kwargs") or {})
        started = time.perf_counter()
        try:
            self.container.spawn_worker(
                self, arguments, {}, context_data=data, handle_result=partial(self.handle_result, message, started)
            )
        except ContainerBeingKilled:
            self.rpc_consumer.requeue(message)

    def handle_result(self, message: Any, started: float, worker_ctx: Any, result: Any, exc_info: Any) -> Any:
        error = exc_info[1] if exc_info else None
        if error is None:
            try:
                result = jsonable(result)
                if self.check_replies and self.interface is not None:
                    reply_type(self.interface).validate_python(result, strict=False)
            except Exception as unserialisable:  # a bug in the method; its caller must still get a reply
                error = unserialisable
        self.rpc_consumer.answer(message, result, error)
        outcome = "ok" if error is None else getattr(as_domain_error(error), "code", "INTERNAL_ERROR")
        service = self.container.service_name
        RPC_SECONDS.labels(service, self.method_name, outcome).observe(time.perf_counter() - started)
        WORKERS_BUSY.labels(service).set(self.container._worker_pool.running())
        return result, exc_info

    @property
    def expected_exceptions(self) -> tuple[type[Exception], ...]:
        return (DomainError,)

    @expected_exceptions.setter
    def expected_exceptions(self, _: object) -> None:
        """Nameko's constructor sets it; business errors are expected everywhere."""


F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")
R = TypeVar("R")
Json = dict[str, Any] | list[dict[str, Any]] | dict[str, dict[str, Any]]
"""A reply that is JSON already, in the shape of the declared model: what hot reads build or find stored."""


def rpc(method: F) -> F:
    """Make a method callable over RPC by any caller, without an interface: for services of tests and examples."""
    return cast(F, Rpc.decorator(method))


def implements(
    interface: Callable[Concatenate[Any, P], R],
) -> Callable[[Callable[Concatenate[Any, P], R | Json]], Callable[Concatenate[Any, P], R]]:
    """Make a method callable over RPC as a method of the service's interface: `@implements(OrdersRpc.get_order)`.

    The type checker holds its arguments and reply to the interface's; callers are checked against the permission
    table (`schemas.permissions`) before the body runs.
    """
    service, name = address(interface)

    def decorate(method: Callable[Concatenate[Any, P], R | Json]) -> Callable[Concatenate[Any, P], R]:
        if method.__name__ != name:
            raise TypeError(f"{method.__qualname__} implements {interface.__qualname__}: the names must agree")
        checked = guarded(method, access_of(service, name))
        if checked is method:
            checked = wraps(method)(lambda *args, **kwargs: method(*args, **kwargs))
        checked.implements = interface  # type: ignore[attr-defined]
        return cast(Callable[Concatenate[Any, P], R], Rpc.decorator(checked))

    return decorate

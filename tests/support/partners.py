"""The services that an order needs, as small fakes that keep their contracts, and the ways in which calls go wrong."""

from collections.abc import Callable
from functools import partial
from threading import RLock
from typing import Any

from schemas.rpc.cart import CartRpc
from schemas.rpc.inventory import InventoryRpc
from schemas.rpc.payments import PaymentsRpc
from schemas.rpc.shipping import ShippingRpc
from services.chassis.common.errors import DeadlineExceeded, InvalidState, NotFound, OutOfStock, ServiceUnavailable
from services.chassis.messaging.typed_calls import TypedService

DECLINING = "pm_card_chargeDeclined"
ASKING = "pm_card_authenticationRequired"
OVER = ("voided", "refunded", "declined")


class Died(Exception):
    """The process ended here. Nobody catches it."""


class Inventory:
    """Stock: reserved, sold, released; a released order never reserves again."""

    interface = InventoryRpc

    def __init__(self, **stock: int) -> None:
        self.stock = stock
        self.orders: dict[str, tuple[str, dict[str, int]]] = {}
        self.expires_at = "2100-01-01T00:00:00Z"
        """Until when what is reserved is held."""
        self._lock = RLock()

    def reserve(self, order_id: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
        with self._lock:
            state, _ = self.orders.get(order_id, ("new", {}))
            if state == "released":
                raise InvalidState("This order's reservation is over")
            if state == "new":
                wanted = {line["sku"]: line["quantity"] for line in lines}
                for sku, quantity in wanted.items():
                    if self.stock.get(sku, 0) < quantity:
                        raise OutOfStock.of(sku, quantity, self.stock.get(sku, 0))
                for sku, quantity in wanted.items():
                    self.stock[sku] -= quantity
                self.orders[order_id] = ("held", wanted)
            return {"order_id": order_id, "status": "held", "expires_at": self.expires_at}

    def commit(self, order_id: str) -> dict[str, Any]:
        with self._lock:
            state, lines = self.orders.get(order_id, ("new", {}))
            if state == "new":
                raise NotFound("Nothing is reserved for this order")
            if state == "released":
                raise InvalidState("This order's reservation is over")
            self.orders[order_id] = ("committed", lines)
            return {"order_id": order_id, "status": "committed"}

    def release(self, order_id: str) -> dict[str, Any]:
        with self._lock:
            state, lines = self.orders.get(order_id, ("new", {}))
            if state != "released":
                for sku, quantity in lines.items():
                    self.stock[sku] += quantity
                self.orders[order_id] = ("released", lines)
            return {"order_id": order_id, "status": "released"}

    def state(self, order_id: str) -> str:
        return self.orders.get(order_id, ("nothing", {}))[0]


class Payments:
    """Payments under the id that the order chose; a reversed one stays reversed."""

    interface = PaymentsRpc

    def __init__(self) -> None:
        self.payments: dict[str, dict[str, Any]] = {}
        self._lock = RLock()

    def authorise(self, payment_id: str, amount: int, token: str, **_: Any) -> dict[str, Any]:
        with self._lock:
            outcome = {DECLINING: "declined", ASKING: "requires_action"}.get(token, "authorized")
            payment = self.payments.setdefault(
                payment_id,
                {
                    "id": payment_id,
                    "status": outcome,
                    "amount": amount,
                    "captured": 0,
                    "refunded": 0,
                    "decline_code": "generic_decline" if outcome == "declined" else None,
                    "client_secret": "secret" if outcome == "requires_action" else None,
                },
            )
            return dict(payment)

    def status_of(self, payment_id: str) -> dict[str, Any]:
        with self._lock:
            if payment_id not in self.payments:
                raise NotFound("There is no such payment")
            return dict(self.payments[payment_id])

    def capture(self, payment_id: str) -> dict[str, Any]:
        with self._lock:
            payment = self.payments[payment_id]
            if payment["status"] not in ("authorized", "captured"):
                raise InvalidState(f"A payment that is {payment['status']} can't be captured")
            payment |= {"status": "captured", "captured": payment["amount"]}
            return dict(payment)

    def reverse(self, payment_id: str, amount: int, **_: Any) -> dict[str, Any]:
        with self._lock:
            new = {"id": payment_id, "status": "voided", "amount": amount, "captured": 0, "refunded": 0}
            payment = self.payments.setdefault(payment_id, new)
            if payment["captured"] > payment["refunded"]:
                payment |= {"status": "refunded", "refunded": payment["captured"]}
            elif payment["status"] not in OVER:
                payment["status"] = "voided"
            return {"id": payment_id, "status": payment["status"], "refunded": payment["refunded"]}

    def customer_confirms(self, payment_id: str) -> None:
        self._settle(payment_id, "authorized")

    def customer_gives_up(self, payment_id: str) -> None:
        self._settle(payment_id, "declined")

    def _settle(self, payment_id: str, status: str) -> None:
        with self._lock:
            if self.payments[payment_id]["status"] == "requires_action":
                self.payments[payment_id]["status"] = status

    def state(self, payment_id: str) -> str:
        return str(self.payments.get(payment_id, {"status": "nothing"})["status"])

    def charged(self, payment_id: str) -> int:
        payment = self.payments.get(payment_id, {"captured": 0, "refunded": 0})
        return int(payment["captured"] - payment["refunded"])


def send(fake: Any, method: str, arguments: dict[str, Any]) -> Any:
    """Call a fake as over the wire."""
    return getattr(fake, method)(**arguments)


def typed(fake: Any) -> Any:
    """A fake behind its RPC interface, as a service's `Remote` gives it."""
    return TypedService(fake.interface, partial(send, fake))


class Line:
    """The way to another service. `troubles` says what becomes of the next calls; then all goes well.

    "lost": done, but the answer never comes. "late": no answer, and it is done only at `land`. "down": not done.
    "dies_before", "dies_after": the caller's process ends. "cancel_before", "cancel_after": something else happens
    at that moment, told by `meanwhile`.
    """

    def __init__(self, service: Any, troubles: list[str] | None = None) -> None:
        self.service = service
        self.troubles = troubles if troubles is not None else []
        self.calls: list[str] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self._flying: list[Callable[[], Any]] = []

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(**kwargs: Any) -> Any:
            self.calls.append(method)
            trouble = self.troubles.pop(0) if self.troubles else "none"
            return self._carry(trouble, lambda: send(self.service, method, kwargs))

        return getattr(TypedService(self.service.interface, lambda _, kwargs: call(**kwargs)), method)

    def _carry(self, trouble: str, work: Callable[[], Any]) -> Any:
        if trouble == "down":
            raise ServiceUnavailable()
        if trouble == "dies_before":
            raise Died
        if trouble == "late":
            self._flying.append(work)
            raise DeadlineExceeded()
        if trouble == "cancel_before":
            self.meanwhile()
        answer = work()
        if trouble == "lost":
            raise DeadlineExceeded()
        if trouble == "dies_after":
            raise Died
        if trouble == "cancel_after":
            self.meanwhile()
        return answer

    def land(self) -> None:
        """What was still on its way arrives now, when nobody waits for it any more."""
        while self._flying:
            try:
                self._flying.pop(0)()
            except (InvalidState, OutOfStock, NotFound):
                continue  # refused: that is how it should be


class Cart:
    """A cart with one view at checkout; its version grows at each read, unless it `stays`."""

    interface = CartRpc

    def __init__(self, *lines: dict[str, Any]) -> None:
        self.lines = list(lines)
        self.unavailable: list[str] = []
        self.stays = False
        self.version = 3
        self.taken: list[tuple[str, list[dict[str, Any]]]] = []
        self.away = False

    def remove_ordered(self, *, cart_id: str, order_id: str, lines: list[dict[str, Any]]) -> bool:
        if self.away:
            raise ServiceUnavailable("cart")
        self.taken.append((order_id, lines))
        return True

    def checkout_view(self, **_: Any) -> dict[str, Any]:
        lines = [{**line, "line_total": line["unit_price"] * line["quantity"]} for line in self.lines]
        self.version += not self.stays
        return {
            "cart_id": "a-cart",
            "version": self.version,
            "currency": "USD",
            "lines": lines,
            "unavailable": self.unavailable,
            "subtotal": sum(line["line_total"] for line in lines),
            "weight_g": sum(line["weight_g"] * line["quantity"] for line in lines),
        }


class Shipping:
    """One price for every order, one shipment per order."""

    interface = ShippingRpc

    def __init__(self, price: int = 500) -> None:
        self.price = price
        self.shipments: dict[str, dict[str, Any]] = {}
        self.sent: list[dict[str, Any]] = []

    def price_of(self, **_: Any) -> dict[str, Any]:
        price = {"amount": self.price, "currency": "USD"}
        return {
            "method": "standard",
            "name": "Standard",
            "carrier": "UPS",
            "price": price,
            "days_min": 2,
            "days_max": 4,
        }

    def create_shipment(self, order_id: str, **parcel: Any) -> dict[str, Any]:
        self.sent.append(parcel)
        new = {
            "id": f"shipment-{order_id}",
            "order_id": order_id,
            "carrier": "UPS",
            "tracking_number": "UP0000042",
            "status": "created",
            "created_at": "2026-05-04T12:00:00Z",
            "updated_at": "2026-05-04T12:00:00Z",
        }
        return self.shipments.setdefault(order_id, new)


def cart_line(sku: str = "MUG", quantity: int = 1, unit_price: int = 1000, tax_rate_bp: int = 0) -> dict[str, Any]:
    """A line as `cart.checkout_view` shows it."""
    return {
        "sku": sku,
        "product_id": "0197a000-0000-7000-8000-00000000000e",
        "title": f"The {sku}",
        "thumbnail": None,
        "quantity": quantity,
        "unit_price": unit_price,
        "weight_g": 300,
        "tax_rate_bp": tax_rate_bp,
        "available": 10,
        "vendor_id": None,
        "category": None,
    }

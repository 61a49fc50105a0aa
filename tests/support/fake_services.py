"""In-memory fakes of the services that orders call, and an RPC client that injects faults into the calls."""

from collections.abc import Callable
from functools import partial
from threading import RLock
from typing import Any

from schemas.rpc.cart import CartRpc
from schemas.rpc.inventory import InventoryRpc
from schemas.rpc.payments import PaymentsRpc
from schemas.rpc.shipping import ShippingRpc
from services.chassis.common.errors import (
    Conflict,
    DeadlineExceeded,
    InvalidState,
    NotFound,
    OutOfStock,
    ServiceUnavailable,
)
from services.chassis.messaging.typed_calls import TypedService

DECLINED_CARD = "pm_card_chargeDeclined"
AUTHENTICATION_CARD = "pm_card_authenticationRequired"
FINAL_STATUSES = ("voided", "refunded", "declined")


class SimulatedCrash(Exception):
    """The simulated end of the process: no code under test catches it."""


class Inventory:
    """A fake of inventory: reserve, commit, release; a released order can't reserve again."""

    interface = InventoryRpc

    def __init__(self, **stock: int) -> None:
        self.stock = stock
        self.orders: dict[str, tuple[str, dict[str, int]]] = {}
        self.expires_at = "2100-01-01T00:00:00Z"
        """The time until which reserved stock is held."""
        self.returns: set[str] = set()
        self._lock = RLock()

    def reserve(self, order_id: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
        with self._lock:
            state, _ = self.orders.get(order_id, ("new", {}))
            if state == "released":
                raise InvalidState("This order's reservation is over")
            if state == "new":
                quantities = {line["sku"]: line["quantity"] for line in lines}
                for sku, quantity in quantities.items():
                    if self.stock.get(sku, 0) < quantity:
                        raise OutOfStock.of(sku, quantity, self.stock.get(sku, 0))
                for sku, quantity in quantities.items():
                    self.stock[sku] -= quantity
                self.orders[order_id] = ("held", quantities)
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

    def return_lines(self, order_id: str, return_id: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
        with self._lock:
            state, sold = self.orders.get(order_id, ("new", {}))
            if return_id not in self.returns:
                if state != "committed":
                    raise InvalidState("Nothing is sold to this order")
                if any(line["quantity"] > sold.get(line["sku"], 0) for line in lines):
                    raise InvalidState("More than was sold")
                for line in lines:
                    sold[line["sku"]] -= line["quantity"]
                    self.stock[line["sku"]] += line["quantity"]
                self.returns.add(return_id)
            return {"order_id": order_id, "status": "committed"}

    def state(self, order_id: str) -> str:
        return self.orders.get(order_id, ("nothing", {}))[0]


class Payments:
    """A fake of payments, by the id that the order chose; a reversed payment stays reversed."""

    interface = PaymentsRpc

    def __init__(self) -> None:
        self.payments: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, int] = {}
        self.vendors: dict[str, dict[str, int]] = {}
        self.refund_parts: dict[str, dict[str, Any]] = {}
        self._lock = RLock()

    def authorise(
        self, payment_id: str, amount: int, token: str, vendors: dict[str, int], capture: bool, **_: Any
    ) -> dict[str, Any]:
        with self._lock:
            self.vendors[payment_id] = vendors
            paid = "captured" if capture else "authorized"
            outcome = {DECLINED_CARD: "declined", AUTHENTICATION_CARD: "requires_action"}.get(token, paid)
            payment = self.payments.setdefault(
                payment_id,
                {
                    "id": payment_id,
                    "status": outcome,
                    "amount": amount,
                    "captured": amount if outcome == "captured" else 0,
                    "refunded": 0,
                    "decline_code": "generic_decline" if outcome == "declined" else None,
                    "client_secret": "secret" if outcome == "requires_action" else None,
                },
            )
            return dict(payment)

    def status_of(self, payment_id: str, refresh: bool = False) -> dict[str, Any]:
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

    def capture_by_hand(self, payment_id: str, amount: int) -> None:
        """An administrator captures a part."""
        self.payments[payment_id] |= {"status": "captured", "captured": amount}

    def refunded_by_hand(self, payment_id: str, amount: int) -> None:
        """An administrator has refunded so much in total; less than before: a refund came back."""
        payment = self.payments[payment_id]
        status = "refunded" if amount == payment["captured"] else "partially_refunded" if amount else "captured"
        payment |= {"status": status, "refunded": amount}

    def refund_order(
        self, payment_id: str, refund_id: str, amount: int, reason: str, parts: dict[str, Any]
    ) -> dict[str, Any]:
        with self._lock:
            self.refund_parts[refund_id] = {"goods": amount - parts["tax"] - parts["shipping"], **parts}
            payment = self.payments[payment_id]
            if payment.get("disputed"):
                raise InvalidState("The charge is disputed", [{"reason": "disputed"}])
            if refund_id not in self.refunds:
                self.refunds[refund_id] = min(amount, payment["captured"] - payment["refunded"])
                payment["refunded"] += self.refunds[refund_id]
                is_all = payment["refunded"] == payment["captured"]
                payment["status"] = "refunded" if is_all else "partially_refunded"
            return {key: payment[key] for key in ("id", "status", "captured", "refunded")}

    def reverse(self, payment_id: str, amount: int, **_: Any) -> dict[str, Any]:
        with self._lock:
            voided = {"id": payment_id, "status": "voided", "amount": amount, "captured": 0, "refunded": 0}
            payment = self.payments.setdefault(payment_id, voided)
            if payment.get("disputed"):
                raise InvalidState("The charge is disputed", [{"reason": "disputed"}])
            if payment["captured"] > payment["refunded"]:
                payment |= {"status": "refunded", "refunded": payment["captured"]}
            elif payment["status"] not in FINAL_STATUSES:
                payment["status"] = "voided"
            return {key: payment[key] for key in ("id", "status", "captured", "refunded")}

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
    """Call a method of a fake with keyword arguments, as RPC does."""
    return getattr(fake, method)(**arguments)


def typed(fake: Any) -> Any:
    """A fake behind its typed RPC interface, as a service's `Remote` gives it."""
    return TypedService(fake.interface, partial(send, fake))


class UnreliableClient:
    """An RPC client of a fake service that injects `faults`, one for each of the next calls; later calls succeed.

    "lost": executed, but the reply never arrives. "late": times out and is executed only by `deliver_late_calls`.
    "down": not executed. "dies_before", "dies_after": the caller's process ends. "cancel_before", "cancel_after":
    `concurrent_action` runs at that moment.
    """

    def __init__(self, service: Any, faults: list[str] | None = None) -> None:
        self.service = service
        self.faults = faults if faults is not None else []
        self.calls: list[str] = []
        self.concurrent_action: Callable[[], None] = lambda: None
        self._delayed: list[Callable[[], Any]] = []

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(**kwargs: Any) -> Any:
            self.calls.append(method)
            fault = self.faults.pop(0) if self.faults else "none"
            return self._perform(fault, lambda: send(self.service, method, kwargs))

        return getattr(TypedService(self.service.interface, lambda _, kwargs: call(**kwargs)), method)

    def _perform(self, fault: str, call: Callable[[], Any]) -> Any:
        if fault == "down":
            raise ServiceUnavailable()
        if fault == "dies_before":
            raise SimulatedCrash
        if fault == "late":
            self._delayed.append(call)
            raise DeadlineExceeded()
        if fault == "cancel_before":
            self.concurrent_action()
        reply = call()
        if fault == "lost":
            raise DeadlineExceeded()
        if fault == "dies_after":
            raise SimulatedCrash
        if fault == "cancel_after":
            self.concurrent_action()
        return reply

    def deliver_late_calls(self) -> None:
        """Execute the calls that timed out with "late"; their caller no longer waits for a reply."""
        while self._delayed:
            try:
                self._delayed.pop(0)()
            except (InvalidState, OutOfStock, NotFound):
                continue  # refused, as it should be


class Cart:
    """A fake of the cart service: one cart, whose version grows at each read unless `fixed_version` is set."""

    interface = CartRpc

    def __init__(self, *lines: dict[str, Any]) -> None:
        self.lines = list(lines)
        self.unavailable: list[str] = []
        self.fixed_version = False
        self.version = 3
        self.removals: list[tuple[str, list[dict[str, Any]]]] = []
        self.down = False

    def remove_ordered(self, *, cart_id: str, order_id: str, lines: list[dict[str, Any]]) -> bool:
        if self.down:
            raise ServiceUnavailable("cart")
        self.removals.append((order_id, lines))
        return True

    def checkout_view(self, cart_id: str | None = None, **_: Any) -> dict[str, Any]:
        lines = [{**line, "line_total": line["unit_price"] * line["quantity"]} for line in self.lines]
        self.version += not self.fixed_version
        return {
            "cart_id": cart_id or "a-cart",
            "version": self.version,
            "currency": "USD",
            "lines": lines,
            "unavailable": self.unavailable,
            "subtotal": sum(line["line_total"] for line in lines),
            "weight_g": sum(line["weight_g"] * line["quantity"] for line in lines),
        }


class Shipping:
    """A fake of shipping: one price for every order, shipments by id."""

    interface = ShippingRpc

    def __init__(self, price: int = 500) -> None:
        self.price = price
        self.shipments: dict[str, dict[str, Any]] = {}
        self.parcels: list[dict[str, Any]] = []
        self.refused_numbers: set[str] = set()

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

    def create_shipment(self, shipment_id: str, order_id: str, **parcel: Any) -> dict[str, Any]:
        if parcel.get("tracking_number") in self.refused_numbers:
            raise Conflict("Another shipment has this tracking number")
        if shipment_id not in self.shipments:
            self.parcels.append(parcel)
        shipment = {
            "id": shipment_id,
            "order_id": order_id,
            "carrier": parcel.get("carrier") or "UPS",
            "tracking_number": parcel.get("tracking_number") or f"UP{len(self.parcels):07}",
            "status": "created",
            "items": parcel["items"],
            "created_at": "2026-05-04T12:00:00Z",
            "updated_at": "2026-05-04T12:00:00Z",
        }
        return self.shipments.setdefault(shipment_id, shipment)

    def add_event(self, shipment_id: str, status: str, **_: Any) -> dict[str, Any]:
        if self.shipments[shipment_id]["status"] == "delivered":
            raise InvalidState("A parcel that is delivered can't become delivered")
        self.shipments[shipment_id]["status"] = status
        return self.shipments[shipment_id]

    def get_shipment(self, shipment_id: str, **_: Any) -> dict[str, Any]:
        return self.shipments[shipment_id]


def cart_line(sku: str = "MUG", quantity: int = 1, unit_price: int = 1000, tax_rate_bp: int = 0) -> dict[str, Any]:
    """A cart line as `cart.checkout_view` returns it."""
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

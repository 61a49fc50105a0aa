"""Carts in Redis: a hash each, changed by scripts, so that each change is one step and one round trip.

Fields: `version`, `currency`, `updated_at`, and `line:SKU` (JSON) for each line. A second hash has the unit prices that
the customer has seen since, by SKU, where they differ from the price in the line. Whatever belongs to one cart shares a
hash tag, so that its keys lie on one node of a cluster; a merge, which concerns two carts, goes in three steps that
can each be repeated.
"""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import redis

from schemas.api.cart import MAX_LINES, MAX_QUANTITY
from schemas.api.variants import PricedSku
from services.cart.domain import Cart, Line, is_guest, not_in_cart, refusal, snapshot
from services.cart.settings import CartSettings
from services.chassis.common.clock import rfc3339
from services.chassis.stores.redis import RedisStore

DEDUPLICATION_PERIOD = timedelta(days=30)
"""Time for which a processed order or merge is remembered: repeated events arrive within minutes."""

Mode = Literal["make", "add", "set"]

_SCRIPTS = Path(__file__).parent / "lua"


class CartStore(RedisStore):
    """Carts by id: a guest's random one, or the user's."""

    def __init__(self, client: "redis.Redis", settings: CartSettings | None = None) -> None:
        super().__init__(client)
        self._guest_seconds = int((settings.guest_cart if settings else DEDUPLICATION_PERIOD).total_seconds())
        self._customer_seconds = int(settings.customer_cart.total_seconds()) if settings else 0
        self._put, self._remove, self._order, self._freeze = (
            client.register_script(_script(name)) for name in ("put", "remove", "order", "freeze")
        )
        self._merge, self._order_merged = (
            client.register_script(_script("take_out") + _script(name)) for name in ("merge", "order_merged")
        )

    def read(self, cart_id: str) -> Cart | None:
        """Read a cart; extends the lifetime of a guest's."""
        with self.redis.pipeline(transaction=False) as steps:
            steps.hgetall(_key(cart_id))
            steps.hgetall(_seen_key(cart_id))
            if is_guest(cart_id):
                steps.expire(_key(cart_id), self._guest_seconds)
                steps.expire(_seen_key(cart_id), self._guest_seconds)
            return _cart(cart_id, *steps.execute()[:2])

    def record_seen(self, cart_id: str, prices: Mapping[str, int]) -> None:
        """Record the unit prices, by SKU, that a reply shows to the cart's owner."""
        with self.redis.pipeline(transaction=False) as steps:
            for sku, price in prices.items():
                steps.hset(_seen_key(cart_id), sku, price)
            if is_guest(cart_id):
                steps.expire(_seen_key(cart_id), self._guest_seconds)
            steps.execute()

    def put(self, mode: Mode, cart_id: str, quantity: int, sku: PricedSku, now: datetime) -> Cart | None:
        """Set the quantity of a line ("set") or add to it: to a cart that may not exist yet ("make") or to one that
        must ("add"; None when it has gone). Raises the error of `domain.refusal`.
        """
        outcome, detail, seen = self._put(
            keys=[_key(cart_id), _seen_key(cart_id)],
            args=[
                mode,
                sku.sku,
                quantity,
                json.dumps(snapshot(sku)),
                sku.currency,
                sku.available,
                MAX_LINES,
                MAX_QUANTITY,
                rfc3339(now),
                self._seconds(cart_id),
            ],
        )
        if outcome == "gone":
            return None
        if outcome != "ok":
            requested = int(detail) if outcome == "stock" else quantity
            raise refusal(outcome, sku, requested, detail)
        return _existing_cart(cart_id, _fields(detail), _fields(seen))

    def remove(self, cart_id: str, sku: str, now: datetime) -> Cart | None:
        """Remove a line. Raises `NotFound` when it isn't in the cart."""
        outcome, detail, seen = self._remove(
            keys=[_key(cart_id), _seen_key(cart_id)], args=[sku, rfc3339(now), self._seconds(cart_id)]
        )
        if outcome != "ok":
            raise not_in_cart(sku)
        return _cart(cart_id, _fields(detail), _fields(seen))

    def clear(self, cart_id: str, now: datetime) -> Cart | None:
        """Remove all lines; the cart stays."""
        _, detail, seen = self._remove(
            keys=[_key(cart_id), _seen_key(cart_id)], args=["", rfc3339(now), self._seconds(cart_id)]
        )
        return _cart(cart_id, _fields(detail), _fields(seen))

    def remove_ordered(self, cart_id: str, order_id: str, ordered: Iterable[tuple[str, int]], now: datetime) -> bool:
        """Remove what an order bought, once; units added since stay. Of a guest's cart that was merged into a
        customer's, at most what came from it, from there.
        """
        pairs = [text for sku, quantity in ordered for text in (sku, quantity)]
        args = [rfc3339(now), int(DEDUPLICATION_PERIOD.total_seconds()), *pairs]
        keys = [_key(cart_id), _ordered_key(cart_id, order_id), f"{_key(cart_id)}:merged_into"]
        changed, user_id = self._order(keys=keys, args=args)
        if user_id:
            cart = _key(user_id)
            keys = [cart, _ordered_key(user_id, order_id), f"{cart}:units_of:{cart_id}", f"{cart}:orders_of:{cart_id}"]
            changed = self._order_merged(keys=keys, args=args)
        return bool(changed)

    def removed_orders(self, orders: Sequence[tuple[str, str]]) -> set[str]:
        """The orders among these (cart id, order id) whose lines were removed already."""
        pipeline = self.redis.pipeline(transaction=False)
        for cart_id, order_id in orders:
            pipeline.exists(_ordered_key(cart_id, order_id))
        return {order_id for (_, order_id), removed in zip(orders, pipeline.execute(), strict=True) if removed}

    def merge(self, guest_id: str, user_id: str, now: datetime) -> Cart | None:
        """Move a guest's lines into a customer's cart. Idempotent."""
        seconds = int(DEDUPLICATION_PERIOD.total_seconds())
        claimed_key = f"{_key(guest_id)}:merging"
        keys = [_key(guest_id), claimed_key, f"{_key(guest_id)}:merged_into"]
        fields = _fields(self._freeze(keys=keys, args=[seconds, user_id]))
        guest = _cart(guest_id, fields, self._seen(guest_id))
        lines = [
            text
            for line in (guest.lines if guest else ())
            for text in (line.sku, json.dumps(_snapshot(line)), line.seen_price)
        ]
        names = ("", f":merged:{guest_id}", f":units_of:{guest_id}", f":orders_of:{guest_id}", ":seen")
        merged = self._merge(
            keys=[f"{_key(user_id)}{name}" for name in names],
            args=[(guest and guest.currency) or "", MAX_LINES, MAX_QUANTITY, rfc3339(now), seconds, *lines],
        )
        self.redis.delete(claimed_key, _seen_key(guest_id))
        return self.read(user_id) if merged else None

    def delete(self, user_id: str) -> None:
        """Delete a customer's cart and the prices they have seen. What orders and merges left expires by itself."""
        self.redis.delete(_key(user_id), _seen_key(user_id))

    def _seen(self, cart_id: str) -> dict[str, str]:
        return {str(sku): str(price) for sku, price in self.redis.hgetall(_seen_key(cart_id)).items()}

    def _seconds(self, cart_id: str) -> int:
        return self._guest_seconds if is_guest(cart_id) else self._customer_seconds


def new_cart_id() -> str:
    """A new cart id of 192 random bits: it is a guest's only key."""
    return secrets.token_urlsafe(24)


def _script(name: str) -> str:
    return (_SCRIPTS / f"{name}.lua").read_text()


def _key(cart_id: str) -> str:
    return f"cart:{{{'g' if is_guest(cart_id) else 'u'}:{cart_id}}}"


def _ordered_key(cart_id: str, order_id: str) -> str:
    return f"{_key(cart_id)}:ordered:{order_id}"


def _seen_key(cart_id: str) -> str:
    return f"{_key(cart_id)}:seen"


def _fields(flat: list[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _cart(cart_id: str, fields: Mapping[str, str], seen: Mapping[str, str]) -> Cart | None:
    return _existing_cart(cart_id, fields, seen) if fields else None


def _existing_cart(cart_id: str, fields: Mapping[str, str], seen: Mapping[str, str]) -> Cart:
    lines = (_line(name[5:], json.loads(value), seen) for name, value in fields.items() if name.startswith("line:"))
    return Cart(
        id=cart_id,
        version=int(fields["version"]),
        currency=fields["currency"],
        updated_at=fields["updated_at"],
        lines=tuple(sorted(lines, key=lambda line: (line.position, line.sku))),
    )


def _line(sku: str, stored: dict[str, Any], seen: Mapping[str, str]) -> Line:
    return Line(sku=sku, **stored, seen_price=int(seen.get(sku, stored["unit_price"])))


def _snapshot(line: Line) -> dict[str, Any]:
    return {name: value for name, value in vars(line).items() if name not in ("sku", "seen_price")}

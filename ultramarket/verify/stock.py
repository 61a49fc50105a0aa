"""Stock: levels, holds and reservations agree, in one consistent snapshot of MongoDB."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ultramarket.verify.results import CheckResult
from ultramarket.verify.stores import Stores

SWEEP: Final = timedelta(seconds=120)
"""Time after its end in which a hold must be gone: the sweep comes every 30 s."""
_LEVEL: Final = {"warehouses": 1, "on_hand": 1, "reserved": 1, "available": 1, "counted": 1, "holds": 1}

Document = dict[str, Any]


def check_stock(stores: Stores) -> CheckResult:
    """For each SKU: on hand = counted - sold; reserved = the sum of its holds; each hold belongs to a reservation that
    lives; nothing is below zero.
    """
    result = CheckResult("stock and reservations")
    with stores.mongo.start_session(snapshot=True) as session:
        database = stores.documents("inventory")
        levels = {level["_id"]: level for level in database["levels"].find({}, _LEVEL, session=session)}
        fields = {"status": 1, "token": 1, "lines": 1, "returns": 1, "expires_at": 1}
        reservations = {item["_id"]: item for item in database["reservations"].find({}, fields, session=session)}
        pruned = database["pruned"].find_one({"_id": "committed"}, session=session)
    sold = sold_units(levels, reservations)
    now = datetime.now(UTC)
    unknown = 0
    for sku, level in levels.items():
        result.examined += 1
        for message in level_breaches(level, reservations, now):
            result.add(sku, message)
        if "counted" not in level:
            unknown += 1
            continue
        gone = level["counted"] - level["on_hand"]
        if gone != sold[sku] and not (pruned and gone > sold[sku]):
            result.add(sku, f"{level['counted']} counted and {level['on_hand']} on hand, but {sold[sku]} sold")
    for order_id, message in missing_holds(levels, reservations, now):
        result.add(order_id, message)
    if unknown:
        result.note = f"{unknown} SKUs from before counts were recorded: their units on hand are not checked"
    return result


def level_breaches(level: Document, reservations: dict[str, Document], now: datetime) -> list[str]:
    """The differences within one level, and between its holds and their reservations."""
    wrong = []
    held: Counter[str] = Counter()
    for hold in level["holds"]:
        for take in hold["takes"]:
            held[take["warehouse"]] += take["quantity"]
        reservation = reservations.get(hold["order_id"])
        is_ended = reservation is None or reservation["token"] != hold["token"] or reservation["status"] == "released"
        if is_ended and hold["until"] < now - SWEEP:
            wrong.append(f"{hold['quantity']} held for order {hold['order_id']}, whose reservation has ended")
    for entry in level["warehouses"]:
        if entry["reserved"] != held[entry["warehouse"]]:
            wrong.append(f"{entry['reserved']} reserved in {entry['warehouse']}, {held[entry['warehouse']]} held")
        if min(entry["on_hand"], entry["reserved"], entry["available"]) < 0:
            wrong.append(f"below zero in {entry['warehouse']}")
    for name in ("on_hand", "reserved", "available"):
        if level[name] != sum(entry[name] for entry in level["warehouses"]):
            wrong.append(f"{name} is {level[name]}, not the sum of its warehouses")
    if level["available"] != level["on_hand"] - level["reserved"]:
        wrong.append(f"{level['available']} available of {level['on_hand']} on hand and {level['reserved']} reserved")
    return wrong


def sold_units(levels: dict[str, Document], reservations: dict[str, Document]) -> Counter[str]:
    """Units by SKU that committed reservations have taken off the units on hand, without those that were returned."""
    sold: Counter[str] = Counter()
    for order_id, reservation in reservations.items():
        if reservation["status"] != "committed":
            continue
        for line in reservation["lines"]:
            if not _is_held(levels.get(line["sku"]), order_id, reservation["token"]):
                sold[line["sku"]] += line["quantity"]
        for returned in reservation.get("returns", ()):
            for line in returned["lines"]:
                sold[line["sku"]] -= line["quantity"]
    return sold


def missing_holds(
    levels: dict[str, Document], reservations: dict[str, Document], now: datetime
) -> list[tuple[str, str]]:
    """Reservations that say `held`, without a hold for each line."""
    missing = defaultdict(list)
    for order_id, reservation in reservations.items():
        if reservation["status"] == "held" and reservation["expires_at"] > now:
            for line in reservation["lines"]:
                if not _is_held(levels.get(line["sku"]), order_id, reservation["token"]):
                    missing[order_id].append(line["sku"])
    return [(order_id, f"reserved, and nothing is held of {', '.join(skus)}") for order_id, skus in missing.items()]


def _is_held(level: Document | None, order_id: str, token: str) -> bool:
    holds = level["holds"] if level else ()
    return any(hold["order_id"] == order_id and hold["token"] == token for hold in holds)

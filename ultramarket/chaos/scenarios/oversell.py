"""Oversell: more buyers than units, all at once. Exactly the stock is sold, every other buyer is refused cleanly."""

from functools import partial
from threading import Barrier

from ultramarket.chaos.buyers import Buyer, Outcome
from ultramarket.chaos.products import level_of, new_products
from ultramarket.chaos.run import Run, in_parallel

STOCK = 50
AT_ONCE = 150
"""Requests that are sent at the same moment; further buyers follow as soon as one is answered."""
BASKETS = 60
"""Buyers of the overlapping baskets."""
BASKET_STOCK = 20


def carry_out(run: Run) -> None:
    """One SKU of 50 units for all buyers; then three SKUs in baskets of two, each overlapping the next."""
    [sku] = new_products(run, [STOCK])
    sell_one_sku(run, sku)
    sell_baskets(run)


def sell_one_sku(run: Run, sku: str) -> None:
    buyers = [run.buyer() for _ in range(run.buyers)]
    filled = in_parallel(32, [partial(buyer.fill_cart, {sku: 1}) for buyer in buyers])
    unfilled = [reply for reply in filled if reply.status != 201]
    run.expect(not unfilled, f"{len(unfilled)} carts could not be filled")
    outcomes = _order_at_once(run, buyers)
    confirmed = sum(outcome.kind == "confirmed" for outcome in outcomes)
    clean = sum(outcome.code == "OUT_OF_STOCK" for outcome in outcomes)
    level = level_of(run, sku)
    run.findings |= {"one SKU: units": STOCK, "one SKU: buyers": len(buyers), "one SKU: sold": confirmed}
    run.findings |= {"one SKU: refused as out of stock": clean}
    expected = min(STOCK, len(buyers))
    run.expect(confirmed == expected, f"{confirmed} sold of {STOCK} to {len(buyers)} buyers")
    run.expect(clean == len(buyers) - expected, f"{len(buyers) - expected} should be out of stock, {clean} were")
    run.expect(level == (STOCK - expected, 0, STOCK - expected), f"stock is {level} afterwards")


def sell_baskets(run: Run) -> None:
    """Each buyer wants two of three SKUs: a basket is sold as a whole or not at all."""
    skus = new_products(run, [BASKET_STOCK] * 3)
    buyers = [run.buyer() for _ in range(BASKETS)]
    baskets = [{skus[number % 3]: 1, skus[(number + 1) % 3]: 1} for number in range(BASKETS)]
    in_parallel(32, [partial(buyer.fill_cart, basket) for buyer, basket in zip(buyers, baskets, strict=True)])
    outcomes = _order_at_once(run, buyers)
    sold = dict.fromkeys(skus, 0)
    for outcome, basket in zip(outcomes, baskets, strict=True):
        for sku in basket if outcome.kind == "confirmed" else ():
            sold[sku] += 1
    confirmed = sum(outcome.kind == "confirmed" for outcome in outcomes)
    run.findings |= {"baskets: buyers": BASKETS, "baskets: units of each of 3 SKUs": BASKET_STOCK}
    run.findings |= {"baskets: sold": confirmed}
    for sku in skus:
        left = BASKET_STOCK - sold[sku]
        run.expect(left >= 0, f"{sold[sku]} of {BASKET_STOCK} {sku} were sold")
        level = level_of(run, sku)
        run.expect(level == (left, 0, left), f"stock of {sku} is {level}, {sold[sku]} of {BASKET_STOCK} were sold")
    # two SKUs with a unit left each would still make a basket
    left_over = sum(1 for sku in skus if sold[sku] < BASKET_STOCK)
    run.expect(left_over <= 1, f"{left_over} SKUs are left, though {BASKETS - confirmed} baskets were refused")


def _order_at_once(run: Run, buyers: list[Buyer]) -> list[Outcome]:
    at_once = min(AT_ONCE, len(buyers))
    start = Barrier(at_once)

    def order(number: int, buyer: Buyer) -> Outcome:
        if number < at_once:
            start.wait()
        return run.record(buyer.order())

    return in_parallel(at_once, [partial(order, number, buyer) for number, buyer in enumerate(buyers)])

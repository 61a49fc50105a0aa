"""Double click: the same order is sent many times at once; each cart becomes one order with one charge."""

from threading import Barrier

from ultramarket.chaos.buyers import Outcome
from ultramarket.chaos.products import level_of, new_products
from ultramarket.chaos.run import Run, in_parallel
from ultramarket.chaos.shop_client import new_key

CARTS = 5
STOCK = 1_000


def carry_out(run: Run) -> None:
    """`run.buyers` requests at once under one key, and as many under keys of their own, for several carts."""
    [sku] = new_products(run, [STOCK])
    for same_key in (True, False):
        for _ in range(CARTS):
            _send_many(run, sku, same_key)
    sold = sum(outcome.kind == "confirmed" for outcome in run.outcomes)
    run.findings |= {"carts": 2 * CARTS, "requests for each": run.buyers, "sold": sold}
    run.expect(sold == 2 * CARTS, f"{sold} orders of {2 * CARTS} carts")
    run.expect(level_of(run, sku) == (STOCK - sold, 0, STOCK - sold), f"stock is {level_of(run, sku)}")


def _send_many(run: Run, sku: str, same_key: bool) -> None:
    buyer, key = run.buyer(), new_key()
    buyer.fill_cart({sku: 1})
    start = Barrier(run.buyers)

    def send() -> Outcome:
        start.wait()
        return buyer.order(key=key if same_key else None)

    outcomes = in_parallel(run.buyers, [send] * run.buyers)
    orders = {outcome.order_id: outcome for outcome in outcomes if outcome.kind == "confirmed"}
    what = "one key" if same_key else "a key each"
    run.expect(len(orders) == 1, f"{len(orders)} orders of one cart with {what}")
    if same_key:
        kinds = {outcome.kind for outcome in outcomes}
        run.expect(kinds == {"confirmed"}, f"answers under one key were {', '.join(sorted(kinds))}")
    for outcome in orders.values():
        run.record(outcome)

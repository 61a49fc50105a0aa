"""Products of a scenario."""

import secrets

from ultramarket.chaos.run import Run, ScenarioFailed, wait_until

PRICE = 1_999
PUBLISHED_SECONDS = 60.0
COMMITTED_SECONDS = 15
"""How long inventory may take to commit what confirmed orders have reserved."""


def new_products(run: Run, stocks: list[int]) -> list[str]:
    """Create products with these stocks and wait until they can be bought; their SKUs."""
    administrator = run.administrator()
    skus = []
    for stock in stocks:
        sku = f"CHAOS-{secrets.token_hex(5).upper()}"
        administrator.post(
            "/products",
            {
                "title": f"Chaos product {sku}",
                "status": "active",
                "variants": [{"sku": sku, "price": {"amount": PRICE, "currency": "USD"}, "weight_g": 300}],
            },
            idempotent=True,
        )
        if stock:
            body = {"delta": stock, "reason": "stock of a scenario"}
            administrator.call("POST", f"/inventory/{sku}/adjust", body, idempotent=True)
        skus.append(sku)
    for sku in skus:
        if not wait_until(lambda sku=sku: run.buyer().fill_cart({sku: 1}).status == 201, PUBLISHED_SECONDS):  # type: ignore[misc]
            raise ScenarioFailed(f"{sku} can't be put into a cart")
    return skus


def level_of(run: Run, sku: str) -> tuple[int, int, int]:
    """(on hand, reserved, available), once the stock of confirmed orders is committed."""
    administrator = run.administrator()
    wait_until(lambda: administrator.get(f"/inventory/{sku}")["reserved"] == 0, COMMITTED_SECONDS)
    level = administrator.get(f"/inventory/{sku}")
    return level["on_hand"], level["reserved"], level["available"]

"""Variants, options and images of a product over HTTP: in carts and lists, against other editors and other sellers."""

from typing import Any

import pytest

from tests.support.files import unique_picture, upload
from tests.support.shop import Client, Reply, Shop, eventually, new_key


@pytest.fixture
def mug(vendor: Client) -> Reply:
    """A vendor's product with two variants."""
    name = new_key()[:8].upper()
    body = {
        "title": f"Mug {name}",
        "status": "active",
        "options": [{"name": "Colour", "values": ["Red", "Blue", "Green"]}],
        "variants": [variant(f"{name}-RED", "Red"), variant(f"{name}-BLUE", "Blue")],
    }
    reply = vendor("POST", "/products", body, key=new_key())
    assert reply.status == 201, reply
    return reply


def variant(sku: str, colour: str, price: int = 1200) -> dict[str, Any]:
    return {"sku": sku, "options": {"Colour": colour}, "price": {"amount": price, "currency": "USD"}}


def test_variant_is_added_priced_and_removed(shop: Shop, vendor: Client, mug: Reply) -> None:
    path, guest = f"/products/{mug.data['id']}/variants", shop.guest()
    red, green = mug.data["variants"][0]["sku"], f"{mug.data['variants'][0]['sku']}/GREEN"
    key = new_key()

    added = vendor("POST", path, variant(green, "Green"), key=key)

    assert (added.status, added.data["sku"], added.data["title"]) == (201, green, "Green")
    assert vendor("POST", path, variant(green, "Green"), key=key).headers["Idempotency-Replayed"] == "true"
    shop.adjust(green, 5)
    assert eventually(lambda: guest.add(green).status == 201)
    patched = vendor("PATCH", f"{path}/{green}", {"price": {"amount": 900, "currency": "USD"}})
    assert patched.data["price"]["amount"] == 900
    assert eventually(lambda: guest("GET", "/cart").data["items"][0]["unit_price"]["amount"] == 900)
    cheap = {"q": mug.data["title"], "max_price": 900}
    assert eventually(
        lambda: mug.data["id"] in [item["id"] for item in guest("GET", "/search", params=cheap).data["items"]]
    )
    assert vendor("DELETE", f"{path}/{green}").status == 200
    assert vendor("DELETE", f"{path}/{red}").status == 200
    assert [each["sku"] for each in guest("GET", path).data] == [mug.data["variants"][1]["sku"]]
    last = vendor("DELETE", f"{path}/{mug.data['variants'][1]['sku']}")
    assert (last.status, last.code) == (409, "INVALID_STATE")


def test_stale_version_of_the_product_is_refused(vendor: Client, mug: Reply) -> None:
    path = f"/products/{mug.data['id']}"
    listed = vendor("GET", f"{path}/variants")
    sku = mug.data["variants"][0]["sku"]
    first = vendor("PATCH", f"{path}/variants/{sku}", {"weight_g": 5}, headers={"If-Match": listed.headers["ETag"]})
    assert first.status == 200

    stale = {"If-Match": listed.headers["ETag"]}
    replies = [
        vendor("PATCH", f"{path}/variants/{sku}", {"weight_g": 6}, headers=stale),
        vendor("DELETE", f"{path}/variants/{sku}", headers=stale),
        vendor("POST", f"{path}/variants", variant(f"{sku}-X", "Green"), headers=stale),
        vendor("PUT", f"{path}/options", {"options": mug.data["options"]}, headers=stale),
    ]

    assert [(reply.status, reply.code) for reply in replies] == [(412, "PRECONDITION_FAILED")] * 4
    assert vendor("GET", f"{path}/variants").data[0]["weight_g"] == 5
    assert vendor("DELETE", f"{path}/variants/{sku}", headers={"If-Match": first.headers["ETag"]}).status == 200


def test_other_sellers_change_nothing(shop: Shop, vendor: Client, mug: Reply) -> None:
    other, path = shop.member("VENDOR"), f"/products/{mug.data['id']}"
    sku = mug.data["variants"][0]["sku"]

    replies = [
        other("PATCH", f"{path}/variants/{sku}", {"weight_g": 6}),
        other("DELETE", f"{path}/variants/{sku}"),
        other("PUT", f"{path}/options", {"options": []}),
    ]

    assert [reply.status for reply in replies] == [404] * 3
    own = other("POST", "/products", {"title": "Own", "status": "draft", "variants": [variant(new_key(), "x")]})
    assert own.status == 422
    taken = shop.product(0)
    clash = vendor("POST", f"{path}/variants", variant(taken, "Green"))
    assert (clash.status, clash.error["details"][0]["field"]) == (409, "sku")


def test_options_are_replaced_with_their_variants(vendor: Client, mug: Reply) -> None:
    path = f"/products/{mug.data['id']}"
    options = [*mug.data["options"], {"name": "Size", "values": ["S", "L"]}]

    replaced = vendor("PUT", f"{path}/options", {"options": options})

    assert (replaced.status, replaced.data) == (200, options)
    assert [each["title"] for each in vendor("GET", f"{path}/variants").data] == ["Red / S", "Blue / S"]
    assert vendor("PUT", f"{path}/options", {"options": []}).error["details"][0]["field"] == "variants.1.options"


def test_picture_is_added_and_removed(shop: Shop, vendor: Client, mug: Reply) -> None:
    path = f"/products/{mug.data['id']}/images"
    first, second = (upload(vendor, unique_picture(), "product").data for _ in range(2))
    foreign = upload(shop.member("VENDOR"), unique_picture(), "product").data
    document = upload(vendor, unique_picture(), "review").data

    assert vendor("POST", path, {"file_id": first["id"], "alt": "From the side"}).status == 201
    added = vendor("POST", path, {"file_id": second["id"], "position": 0})

    assert (added.status, added.data["images"]) == (201, [second["url"], first["url"]])
    assert (added.data["thumbnail"], added.data["image_alts"]) == (second["url"], {first["url"]: "From the side"})
    for refused in (foreign["id"], document["id"], mug.data["id"]):
        reply = vendor("POST", path, {"file_id": refused})
        assert (reply.status, reply.error["details"][0]["field"]) == (422, "file_id")
    assert vendor("DELETE", f"{path}/{second['id']}").status == 200
    assert vendor("DELETE", f"{path}/{second['id']}").status == 404
    assert shop.guest()("GET", f"/products/{mug.data['id']}").data["images"] == [first["url"]]

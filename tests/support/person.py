"""A customer with personal data in all services, whose values occur nowhere else."""

import uuid
from dataclasses import dataclass
from typing import Any, Final

from tests.support.files import unique_picture, upload
from tests.support.mailbox import text_of, wait_for_mail
from tests.support.shop import Client, Shop

PASSWORD: Final = "correct horse battery"


@dataclass
class Person:
    """A customer whose values occur nowhere else."""

    client: Client
    user_id: str
    email: str
    name: str
    street: str
    phone: str
    note: str
    order_id: str
    review_id: str
    product_id: str

    @property
    def values(self) -> list[str]:
        return [self.email, self.name, self.street, self.phone, self.note]


def new_person(shop: Shop) -> Person:
    """A customer with an order, a review, mails, a file and a tracked search."""
    mark = "".join(chr(ord("a") + int(digit, 16)) for digit in uuid.uuid4().hex[:10])
    email, name, street = f"{mark}@example.com", f"Zoe{mark}", f"{mark} Avenue 7"
    phone, note = f"+1 555 {uuid.uuid4().int % 10**9:09}", f"leave it with {mark}"
    client = shop.guest()
    account = {"email": email, "password": PASSWORD, "first_name": name, "last_name": "Quux"}
    registered = client("POST", "/auth/register", account)
    client.token = registered.data["access_token"]
    token = text_of(wait_for_mail(email, "Is this your address")).partition("token=")[2].split()[0]
    assert client("POST", "/auth/verify-email", {"token": token}).status == 200
    address = {"name": name, "line1": street, "city": "Springfield", "postal_code": "97477", "country": "US"}
    client("PUT", "/users/me", {"first_name": name, "last_name": "Quux", "phone": phone})
    client("POST", "/users/me/addresses", address | {"phone": phone})
    sku = shop.product(stock=10)
    client.add(sku)
    placed = client.order(shipping_address=address, note=note)
    assert placed.status == 201, placed
    product_id = placed.data["items"][0]["product_id"]
    client.add(sku)
    picture = upload(client, unique_picture()).data["id"]
    review = {"rating": 5, "title": "Good", "text": "A good mug, as it should be", "images": [picture]}
    written = client("POST", f"/products/{product_id}/reviews", review)
    assert written.status == 201, written
    client("GET", f"/search?q={sku}")
    wait_for_mail(email, placed.data["number"])
    return Person(
        client,
        registered.data["user"]["id"],
        email,
        name,
        street,
        phone,
        note,
        placed.data["id"],
        written.data["id"],
        product_id,
    )


def erasure_of(shop: Shop, person: Person) -> dict[str, Any]:
    """The progress of the person's erasure, as administrators see it."""
    reply = shop.admin("GET", f"/users/{person.user_id}/erasure")
    return dict(reply.data) if reply.status == 200 else {"status": reply.status}

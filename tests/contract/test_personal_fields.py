"""Each field of an event that can hold text is known to be personal or not, so that a new one is decided on."""

from typing import Final

from kafka_bridge.pseudonyms import PERSONAL_FIELDS
from schemas.events.base import EVENTS
from schemas.tools.export import every_event

NOT_FORWARDED: Final = ("audit", "privacy")
NOT_PERSONAL: Final = """
    address_id anonymous_id cancellation_id cart_id category_id customer_id dispute_id erasure_id export_id file_id
    import_id notification_id order_id owner_id payment_id product_id refund_id report_id review_id session_id
    shipment_id ticket user_id vendor_id requested_by supersedes
    brand carrier category category_path change channel code currency decline_code details file_url filters flag format
    histogram key kind language location method name network number old_slug outcome parent payment_provider
    product_title properties provider purpose query roles sha256 shipping_method sku skus slug status step title
    tracking_number value subscription_id error identity_id
"""
"""Ids, codes, and texts of the shop. `query` and `properties` of tracked events are kept as long as the topic is."""
BY_TYPE: Final = frozenset({"reason", "message", "recipient"})
"""Personal in some events; `kafka_bridge.pseudonyms` says in which."""


def test_every_text_is_personal_or_not() -> None:
    assert every_event()
    undecided = {
        f"{source}.{type_}.{name}"
        for (source, type_), event in EVENTS.items()
        if source not in NOT_FORWARDED
        for name, field in event.model_fields.items()
        if any(text in str(field.annotation) for text in ("str", "Any", "dict"))
        and name not in {*PERSONAL_FIELDS, *NOT_PERSONAL.split(), *BY_TYPE}
    }

    assert undecided == set(), "add them to PERSONAL_FIELDS or to NOT_PERSONAL"

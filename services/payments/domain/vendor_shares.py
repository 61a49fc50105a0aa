"""Vendors' shares of the goods in a payment, and what is owed to them of it, exact to the minor unit."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.chassis.common.money import percent_of, split
from services.payments.domain.shares import take


@dataclass(frozen=True)
class VendorShare:
    """Goods of one vendor in minor units, and the part of them that is payable to the vendor."""

    goods: int
    payable: int


VendorShares = Mapping[str, VendorShare]
"""By vendor id. The rest of the goods is the shop's own."""


def less_commission(goods: Mapping[str, int], commission_basis_points: int) -> dict[str, VendorShare]:
    """The shares of vendors whose goods were sold; the commission, rounded once per vendor, remains the shop's."""
    return {
        vendor: VendorShare(amount, amount - percent_of(amount, commission_basis_points))
        for vendor, amount in sorted(goods.items())
        if amount
    }


def part(
    left: VendorShares, goods_left: int, goods: int, requested: Mapping[str, int] | None = None
) -> dict[str, VendorShare]:
    """The vendors' shares of a part of the goods: what is requested of each vendor's as far as it is left, and the rest
    in proportion, also to the shop's own goods. What is payable is in proportion to the vendor's goods.

    As with `shares.take`, parts taken one after the other add up to exactly the whole.
    """
    vendors = list(left)
    amounts = [left[vendor].goods for vendor in vendors]
    preferred = None
    if requested is not None:
        named = [requested.get(vendor, 0) for vendor in vendors]
        preferred = [max(goods - sum(named), 0), *named]
    _, *taken = take([goods_left - sum(amounts), *amounts], goods, preferred)
    return {
        vendor: VendorShare(amount, _payable_part(left[vendor], amount))
        for vendor, amount in zip(vendors, taken, strict=True)
        if amount
    }


def add(first: VendorShares, second: VendorShares) -> dict[str, VendorShare]:
    """The sum of two shares of each vendor."""
    return _combined(first, second, 1)


def subtract(first: VendorShares, second: VendorShares) -> dict[str, VendorShare]:
    """The difference of two shares of each vendor."""
    return _combined(first, second, -1)


def _combined(first: VendorShares, second: VendorShares, sign: int) -> dict[str, VendorShare]:
    nothing = VendorShare(0, 0)
    combined = {}
    for vendor in sorted({*first, *second}):
        one, other = first.get(vendor, nothing), second.get(vendor, nothing)
        share = VendorShare(one.goods + sign * other.goods, one.payable + sign * other.payable)
        if share != nothing:
            combined[vendor] = share
    return combined


def _payable_part(share: VendorShare, goods: int) -> int:
    return split(goods, (share.payable, share.goods - share.payable))[0]

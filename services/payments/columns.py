"""Column types of the payments' tables: values of the domain as JSON."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

from services.payments.domain import RefundParts
from services.payments.domain.vendor_shares import VendorShare, VendorShares


class RefundPartsColumn(TypeDecorator[RefundParts]):
    """The parts of a requested refund."""

    impl = JSONB(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: RefundParts | None, dialect: Dialect) -> dict[str, Any] | None:
        return None if value is None else asdict(value)

    def process_result_value(self, value: dict[str, Any] | None, dialect: Dialect) -> RefundParts | None:
        return None if value is None else RefundParts(**value)


class VendorSharesColumn(TypeDecorator[VendorShares]):
    """Vendors' shares: `{vendor id: {goods, payable}}`."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(self, value: VendorShares | None, dialect: Dialect) -> dict[str, Any] | None:
        return None if value is None else {vendor: asdict(share) for vendor, share in value.items()}

    def process_result_value(self, value: dict[str, Any] | None, dialect: Dialect) -> VendorShares | None:
        return None if value is None else {vendor: VendorShare(**share) for vendor, share in value.items()}

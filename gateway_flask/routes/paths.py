"""Path parameters."""

from typing import Annotated

from pydantic import Field, StringConstraints

from schemas.api.config import FlagName, SettingKey
from schemas.api.inventory import WarehouseCode
from schemas.api.notifications import KindName, MessageId
from schemas.api.oauth import ProviderName
from schemas.api.payments import Provider
from schemas.api.shipping import TrackingNumber
from schemas.api.taxes import TaxRateId
from schemas.base import Id, Schema, Sku, Slug
from schemas.permissions.roles import RoleName


class IdPath(Schema):
    """A resource by its id."""

    id: Id = Field(description="UUID")


class DeliveryPath(IdPath):
    """A delivery of a webhook subscription."""

    delivery_id: Id = Field(description="UUID")


class ProductPath(Schema):
    """A product by its id or its slug."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*$")] = (
        Field(description="Id or slug")
    )


class OauthPath(Schema):
    """An identity provider."""

    provider: ProviderName


class RolePath(Schema):
    """A role."""

    name: RoleName


class GroupPath(Schema):
    """A group of customers."""

    name: Slug


class VariantPath(ProductPath):
    """A variant of a product by its SKU."""

    sku: Sku


class ImagePath(ProductPath):
    """An image of a product by the id of its file."""

    file_id: Id


class SlugPath(Schema):
    """A category by its slug."""

    slug: Slug


class SkuPath(Schema):
    """A SKU."""

    sku: Sku


class WarehousePath(Schema):
    """A warehouse by its code."""

    code: WarehouseCode


class NumberPath(Schema):
    """A shipment by its tracking number."""

    number: TrackingNumber


class TaxRatePath(Schema):
    """A tax rate by its id: `US:CA:standard`, or `DE:*:reduced` for all of a country."""

    id: TaxRateId


class ProviderPath(Schema):
    """A payment provider by its name."""

    provider: Provider


class SettingPath(Schema):
    """A runtime setting by its key: `inventory.low_stock_threshold`."""

    key: SettingKey


class FlagPath(Schema):
    """A feature flag by its name."""

    name: FlagName


class MessagePath(Schema):
    """A message by its id."""

    id: MessageId


class KindPath(Schema):
    """A kind of message by its name."""

    kind: KindName

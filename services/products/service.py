"""Products service: the catalogue, categories, tax rates."""

from collections import Counter

from eventlet import GreenPool
from pydantic import ValidationError

from schemas.api.product_import import ImportRow
from schemas.api.products import ProductPatch, ProductQuery, ProductWrite
from schemas.base import Country, Id, Idempotency, IdOrSlug
from schemas.caller import ANONYMOUS, Caller
from schemas.events.inventory import StockChanged
from schemas.events.reviews import RatingChanged
from schemas.permissions.permission import Permission
from schemas.rpc.products import (
    AddressRegion,
    Ids,
    ImportRows,
    ProductsRpc,
    Queries,
    RelatedLimit,
    Skus,
    SnapshotIds,

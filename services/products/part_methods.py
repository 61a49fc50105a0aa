"""RPC methods of a product's variants, options and images."""

from collections.abc import Callable

from pydantic import ValidationError

from schemas.api.product_parts import ImageWrite, OptionsWrite, VariantPatch
from schemas.api.products import ProductWrite
from schemas.api.variants import VariantWrite
from schemas.base import Id, Idempotency, IdOrSlug, Sku
from schemas.caller import Caller
from schemas.rpc.files import FilesRpc
from schemas.rpc.products import ProductsRpc, Version
from schemas.signed.file_grants import PUBLIC_PATH
from services.chassis.common import clock
from services.chassis.common.errors import NotFound
from services.chassis.messaging.remote import Remote
from services.chassis.messaging.rpc import implements
from services.chassis.messaging.signatures import refused
from services.chassis.stores.mongo import Mongo
from services.products.domain import parts
from services.products.domain.documents import Document
from services.products.settings import ProductSettings
from services.products.store import ProductStore


class PartMethods:
    """Each changes one part of a product, as a change of the whole product."""

    catalogue = Mongo(ProductStore, ProductSettings)
    files = Remote(FilesRpc, deadline=2.0)

    @implements(ProductsRpc.add_variant)
    def add_variant(
        self,
        id_or_slug: IdOrSlug,
        variant: VariantWrite,
        caller: Caller,
        expected_version: Version | None = None,
        idempotency: Idempotency | None = None,
    ) -> Document:
        with parts.fields_of_variant():
            return self._change(
                id_or_slug,
                lambda before: parts.add_variant(before, variant),
                caller,
                expected_version,
                idempotency,
            )

    @implements(ProductsRpc.change_variant)
    def change_variant(
        self,
        id_or_slug: IdOrSlug,
        sku: Sku,
        patch: VariantPatch,
        caller: Caller,
        expected_version: Version | None = None,
    ) -> Document:
        with parts.fields_of_variant():
            return self._change(
                id_or_slug, lambda before: parts.change_variant(before, sku, patch), caller, expected_version, None
            )

    @implements(ProductsRpc.remove_variant)
    def remove_variant(
        self, id_or_slug: IdOrSlug, sku: Sku, caller: Caller, expected_version: Version | None = None
    ) -> Document:
        return self._change(
            id_or_slug, lambda before: parts.remove_variant(before, sku), caller, expected_version, None
        )

    @implements(ProductsRpc.replace_options)
    def replace_options(
        self, id_or_slug: IdOrSlug, options: OptionsWrite, caller: Caller, expected_version: Version | None = None
    ) -> Document:
        return self._change(
            id_or_slug, lambda before: parts.replace_options(before, options), caller, expected_version, None
        )

    @implements(ProductsRpc.add_image)
    def add_image(
        self,
        id_or_slug: IdOrSlug,
        image: ImageWrite,
        caller: Caller,
        expected_version: Version | None = None,
        idempotency: Idempotency | None = None,
    ) -> Document:
        address = self._picture(image.file_id, caller)
        return self._change(
            id_or_slug,
            lambda before: parts.add_image(before, address, image),
            caller,
            expected_version,
            idempotency,
        )

    @implements(ProductsRpc.remove_image)
    def remove_image(
        self, id_or_slug: IdOrSlug, file_id: Id, caller: Caller, expected_version: Version | None = None
    ) -> Document:
        address = f"{PUBLIC_PATH}/{file_id}"
        return self._change(
            id_or_slug, lambda before: parts.remove_image(before, address), caller, expected_version, None
        )

    def _picture(self, file_id: str, caller: Caller) -> str:
        """The address of a stored picture. Raises `ValidationFailed` for a file that can't be one of the product."""
        try:
            file = self.files.get_file(file_id=file_id, caller=caller)
        except NotFound:
            raise parts.no_picture() from None
        parts.check_picture(file.purpose, file.private, file.width, file.owner_id, caller)
        return f"{PUBLIC_PATH}/{file_id}"

    def _change(
        self,
        id_or_slug: str,
        change: Callable[[Document], ProductWrite],
        caller: Caller,
        expected_version: int | None,
        idempotency: Idempotency | None,
    ) -> Document:
        def apply(before: Document) -> ProductWrite:
            try:
                return change(before)
            except ValidationError as invalid:
                raise refused(invalid) from None

        changed = self.catalogue.commands.change(id_or_slug, apply, caller, expected_version, clock.now(), idempotency)
        self.catalogue.queries.clear_totals()
        return changed

"""The category tree: a node stores its ancestors, a product the path of its category."""

from collections.abc import Callable, Iterable, Sequence

from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from schemas.api.categories import CategoryWrite
from schemas.events.products import CategoryChanged
from services.chassis.common.errors import Conflict, NotFound, ValidationFailed
from services.chassis.common.ids import new_id
from services.chassis.common.versions import check_version
from services.chassis.stores.mongo import MongoStore
from services.products.domain.checks import check_move
from services.products.domain.documents import STATUSES, CategoryFacts, Document
from services.products.domain.naming import slugify


class Categories:
    """The collection `categories`: `{_id, slug, name, parent, ancestors, position, touched, version}`."""

    def __init__(self, store: MongoStore) -> None:
        self.store = store
        self.categories = store.db["categories"]
        self.products = store.db["products"]

    def indexes(self) -> None:
        self.categories.create_index("slug", unique=True, name="slug")
        self.categories.create_index("ancestors")

    def tree(self) -> list[Document]:
        """The root categories, each with its children."""
        nodes = {row["slug"]: {**_to_category(row), "children": []} for row in self._ordered()}
        roots: list[Document] = []
        for node in nodes.values():
            parent = nodes.get(node["parent"]) if node["parent"] else None
            (parent["children"] if parent else roots).append(node)
        return roots

    def get(self, slug: str) -> Document:
        return _to_category(self._require(slug, None))

    def use(self, session: ClientSession, slugs: Iterable[str]) -> dict[str, CategoryFacts]:
        """The categories that products are written into, by slug; touched, so that a concurrent move or deletion
        conflicts.
        """
        sorted_slugs = sorted(set(slugs))
        if not sorted_slugs:
            return {}
        updates = [UpdateOne({"slug": slug}, {"$inc": {"touched": 1}}) for slug in sorted_slugs]
        self.categories.bulk_write(updates, ordered=False, session=session)
        rows = self.categories.find({"slug": {"$in": sorted_slugs}}, session=session)
        return {row["slug"]: _facts(row) for row in rows}

    def ensure(self, session: ClientSession, paths: Iterable[Sequence[tuple[str, str]]]) -> dict[str, CategoryFacts]:
        """The categories at the ends of these paths of (slug, name), by slug; missing ones are created.

        A step that exists elsewhere in the tree stays where it is.
        """
        steps = {slug: (name, path[:index]) for path in paths for index, (slug, name) in enumerate(path)}
        stored = {row["slug"]: row for row in self.categories.find({"slug": {"$in": list(steps)}}, session=session)}
        created: list[Document] = []

        def row_of(slug: str) -> Document:
            if slug not in stored:
                name, above = steps[slug]
                parent = row_of(above[-1][0]) if above else None
                stored[slug] = _new_row(slug, name, parent, 0)
                created.append(stored[slug])
            return stored[slug]

        for slug in steps:
            row_of(slug)
        if created:
            self.categories.insert_many(created, session=session)
            for row in created:
                self.store.emit(session, _category_changed(row))
        new = {row["slug"] for row in created}
        self.use(session, [slug for slug in steps if slug not in new])
        return {slug: _facts(row) for slug, row in stored.items()}

    def create(self, category: CategoryWrite) -> Document:
        """Create a category. Raises `Conflict` for a slug that exists, `ValidationFailed` for an unknown parent."""

        def work(session: ClientSession) -> Document:
            parent = self._parent(category.parent, session)
            row = _new_row(category.slug or slugify(category.name), category.name, parent, category.position)
            self.categories.insert_one(row, session=session)
            self.store.emit(session, _category_changed(row))
            self.store.audit(session, "category.create", ("category", row["slug"]), after=_to_category(row))
            return _to_category(row)

        return self._unique(work)

    def replace(self, slug: str, category: CategoryWrite, expected_version: int | None = None) -> Document:
        """Rename or move a category with its subtree and products, atomically. Raises `PreconditionFailed`."""

        def work(session: ClientSession) -> Document:
            before = self._require(slug, session)
            check_version(expected_version, version_of(before))
            parent = self._parent(category.parent, session)
            check_move(slug, [*parent["ancestors"], parent["slug"]] if parent else [])
            after = {**_new_row(category.slug or slug, category.name, parent, category.position), "_id": before["_id"]}
            after["version"] = version_of(before) + 1
            self._move(session, before, after)
            self.store.emit(session, _category_changed(after))
            subject = ("category", after["slug"])
            self.store.audit(session, "category.update", subject, _to_category(before), _to_category(after))
            return _to_category(after)

        return self._unique(work)

    def delete(self, slug: str, expected_version: int | None = None) -> None:
        """Delete a category. Raises `Conflict` while it has products or children, `PreconditionFailed`."""

        def work(session: ClientSession) -> None:
            row = self._require(slug, session)
            check_version(expected_version, version_of(row))
            if self.categories.find_one({"parent": slug}, session=session):
                raise Conflict("There are categories below this one", [{"field": "slug", "message": "has children"}])
            inside = {"status": {"$in": STATUSES}, "categories": slug}
            if self.products.find_one(inside, {"_id": 1}, session=session):
                raise Conflict("There are products in this category", [{"field": "slug", "message": "has products"}])
            self.categories.delete_one({"_id": row["_id"]}, session=session)
            self.store.emit(session, _category_changed(row, deleted=True))
            self.store.audit(session, "category.delete", ("category", slug), before=_to_category(row))

        self.store.in_transaction(work)

    def _move(self, session: ClientSession, before: Document, after: Document) -> None:
        """Write the category and its subtree, and the new path into their products."""
        old_path, new_path = [*before["ancestors"], before["slug"]], [*after["ancestors"], after["slug"]]
        below = list(self.categories.find({"ancestors": before["slug"]}, session=session))
        moved = [after]
        for row in below:
            row["ancestors"] = new_path + row["ancestors"][len(old_path) :]
            row["parent"] = after["slug"] if row["parent"] == before["slug"] else row["parent"]
            row["version"] = version_of(row) + 1
            moved.append(row)
        for row in moved:
            self.categories.replace_one({"_id": row["_id"]}, row, session=session)
            facts = _facts(row)
            self.products.update_many(
                {"status": {"$in": STATUSES}, "categories": before["slug"], "listing.category.id": facts.id},
                {"$set": {"categories": facts.path, "listing.category": facts.to_reference()}},
                session=session,
            )

    def _unique(self, work: Callable[[ClientSession], Document]) -> Document:
        try:
            return self.store.in_transaction(work)
        except DuplicateKeyError as error:
            raise Conflict("This slug is taken", [{"field": "slug", "message": "is taken"}]) from error

    def _parent(self, slug: str | None, session: ClientSession) -> Document | None:
        if slug is None:
            return None
        if slug not in self.use(session, [slug]):
            raise ValidationFailed.of("parent", "does not exist")
        return self._require(slug, session)

    def _require(self, slug: str, session: ClientSession | None) -> Document:
        row = self.categories.find_one({"slug": slug}, session=session)
        if row is None:
            raise NotFound("There is no such category")
        return row

    def _ordered(self) -> list[Document]:
        return list(self.categories.find().sort([("position", 1), ("name", 1)]))


def _new_row(slug: str, name: str, parent: Document | None, position: int) -> Document:
    return {
        "_id": new_id(),
        "slug": slug,
        "name": name,
        "parent": parent["slug"] if parent else None,
        "ancestors": [*parent["ancestors"], parent["slug"]] if parent else [],
        "position": position,
        "touched": 0,
        "version": 1,
    }


def version_of(row: Document) -> int:
    """The version; categories of before have none."""
    return int(row.get("version", 1))


def _facts(row: Document) -> CategoryFacts:
    return CategoryFacts(row["_id"], row["slug"], row["name"], tuple(row["ancestors"]))


def _to_category(row: Document) -> Document:
    names = ("slug", "name", "parent", "ancestors", "position")
    return {"id": row["_id"], **{name: row[name] for name in names}, "version": version_of(row)}


def _category_changed(row: Document, deleted: bool = False) -> CategoryChanged:
    return CategoryChanged(
        category_id=row["_id"], slug=row["slug"], name=row["name"], parent=row["parent"], deleted=deleted
    )

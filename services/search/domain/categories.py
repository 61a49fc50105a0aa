"""The category tree of search. Products are filtered by category id, independent of names."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from services.chassis.common.text import fold, split
from services.search.domain.query_parsing import nearly_starts_with


@dataclass(frozen=True)
class Category:
    """A category and its parent."""

    id: str
    slug: str
    name: str
    parent: str | None
    """The parent's slug."""

    @cached_property
    def words(self) -> list[str]:
        """The words of the name, folded."""
        return split(fold(self.name))

    def to_reference(self) -> dict[str, Any]:
        return {"id": self.id, "slug": self.slug, "name": self.name}


@dataclass(frozen=True)
class CategoryTree:
    """All categories, parents before their children."""

    nodes: tuple[Category, ...] = ()
    by_id: Mapping[str, Category] = field(default_factory=dict)
    by_slug: Mapping[str, Category] = field(default_factory=dict)
    children: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Slugs by the parent's slug."""

    def descendant_ids(self, slug: str) -> set[str]:
        """The ids of a category and its descendants; empty for an unknown slug."""
        ids: set[str] = set()
        pending = [slug]
        while pending:
            category = self.by_slug.get(pending.pop())
            if category is not None and category.id not in ids:
                ids.add(category.id)
                pending.extend(self.children.get(category.slug, ()))
        return ids

    def path(self, node: Category) -> list[Category]:
        """The categories from the root to this one."""
        steps = [node]
        while (above := self.by_slug.get(steps[-1].parent or "")) is not None and above not in steps:
            steps.append(above)
        return steps[::-1]

    def matching(self, text: str, limit: int) -> list[Category]:
        """Categories with words that start with, contain (phone: Smartphones) or nearly start with those of `text`."""
        requested = split(fold(text))
        if not requested:
            return []
        predicates: tuple[Callable[[str, str], bool], ...] = (str.startswith, _within, nearly_starts_with)
        matches = [
            node
            for predicate in predicates
            for node in self.nodes
            if all(any(predicate(word, part) for word in node.words) for part in requested)
        ]
        return list(dict.fromkeys(matches))[:limit]


def build_tree(roots: Iterable[Mapping[str, Any]]) -> CategoryTree:
    """Build the tree from the reply of `products.category_tree`: roots with nested `children`."""
    nodes: list[Category] = []
    pending = list(roots)
    while pending:
        row = pending.pop(0)
        nodes.append(Category(row["id"], row["slug"], row["name"], row["parent"]))
        pending.extend(row["children"])
    children: dict[str, list[str]] = {}
    for node in nodes:
        if node.parent:
            children.setdefault(node.parent, []).append(node.slug)
    return CategoryTree(tuple(nodes), {node.id: node for node in nodes}, {node.slug: node for node in nodes}, children)


def _within(word: str, part: str) -> bool:
    return word.startswith(part) or (len(part) >= 4 and part in word)

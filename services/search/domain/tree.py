"""The categories as search knows them: products are found by the id of their category, whatever it is called now."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.chassis.common.text import fold, split
from services.search.domain.words import nearly_begins


@dataclass(frozen=True)
class Node:
    """A category and where it hangs."""

    id: str
    slug: str
    name: str
    parent: str | None
    """The parent's slug."""

    def to_reference(self) -> dict[str, Any]:
        return {"id": self.id, "slug": self.slug, "name": self.name}


@dataclass(frozen=True)
class Tree:
    """All categories; parents come before their children."""

    nodes: tuple[Node, ...] = ()
    by_id: Mapping[str, Node] = field(default_factory=dict)
    by_slug: Mapping[str, Node] = field(default_factory=dict)
    children: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Slugs by the parent's slug."""

    def below(self, slug: str) -> set[str]:
        """The ids of a category and everything below it; none for one that isn't there."""
        found: set[str] = set()
        pending = [slug]
        while pending:
            node = self.by_slug.get(pending.pop())
            if node is not None and node.id not in found:
                found.add(node.id)
                pending.extend(self.children.get(node.slug, ()))
        return found

    def path(self, node: Node) -> list[Node]:
        """From the root down to the node."""
        steps = [node]
        while (above := self.by_slug.get(steps[-1].parent or "")) is not None and above not in steps:
            steps.append(above)
        return steps[::-1]

    def named_like(self, text: str, limit: int) -> list[Node]:
        """Categories that have words which begin so, or nearly so, or have it within (phone: Smartphones)."""
        wanted = split(fold(text))
        if not wanted:
            return []
        named = [(node, split(fold(node.name))) for node in self.nodes]
        ways: tuple[Callable[[str, str], bool], ...] = (str.startswith, _within, nearly_begins)
        found = [
            node
            for fits in ways
            for node, words in named
            if all(any(fits(word, part) for word in words) for part in wanted)
        ]
        return list(dict.fromkeys(found))[:limit]


def plant(roots: Iterable[Mapping[str, Any]]) -> Tree:
    """Of the roots that `products.category_tree` replies, each with its `children`."""
    nodes: list[Node] = []
    pending = list(roots)
    while pending:
        row = pending.pop(0)
        nodes.append(Node(row["id"], row["slug"], row["name"], row["parent"]))
        pending.extend(row["children"])
    children: dict[str, list[str]] = {}
    for node in nodes:
        if node.parent:
            children.setdefault(node.parent, []).append(node.slug)
    return Tree(tuple(nodes), {node.id: node for node in nodes}, {node.slug: node for node in nodes}, children)


def _within(word: str, part: str) -> bool:
    return word.startswith(part) or (len(part) >= 4 and part in word)

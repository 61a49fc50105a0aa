"""The GraphQL contract: the SDL may only grow beyond what was published, since its clients are unknown programs."""

from pathlib import Path
from typing import Final

from graphql import build_schema, find_breaking_changes, lexicographic_sort_schema, print_schema

from schemas.tools.export import BreakingChange

FOLDER: Final = Path(__file__).parents[1] / "graphql"
SDL: Final = FOLDER / "schema.graphql"
PUBLISHED: Final = FOLDER / "published.graphql"


def breaking_changes(published: str, proposed: str) -> list[str]:
    """Why a client of `published` could fail on `proposed`; empty if none can."""
    return [change.description for change in find_breaking_changes(build_schema(published), build_schema(proposed))]


def normalized(sdl: str) -> str:
    """The SDL in a fixed order, so that moving a type changes nothing."""
    return print_schema(lexicographic_sort_schema(build_schema(sdl))) + "\n"


def publish(folder: Path = FOLDER) -> list[Path]:
    """Publish the SDL; the files that have changed. Raises `BreakingChange`, and then writes nothing."""
    sdl, file = (folder / SDL.name).read_text(), folder / PUBLISHED.name
    before = file.read_text() if file.exists() else None
    if before is not None and (reasons := breaking_changes(before, sdl)):
        raise BreakingChange(f"{SDL.name}: {'; '.join(reasons)}")
    if before == normalized(sdl):
        return []
    file.write_text(normalized(sdl))
    return [file]

"""What the search service is told at start."""

from pydantic import Field

from services.chassis.runtime.settings import Settings


class SearchSettings(Settings):
    search_seconds: float = Field(
        0.2, gt=0, le=10, description="how long the engine may say nothing at all before the catalogue answers instead"
    )
    search_rest_seconds: float = Field(
        2.0, gt=0, le=60, description="how long the engine is left alone after twenty failures in a row"
    )

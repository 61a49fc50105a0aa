"""Settings of the search service."""

from pydantic import Field

from services.chassis.runtime.settings import Settings


class SearchSettings(Settings):
    search_seconds: float = Field(
        0.2, gt=0, le=10, description="time limit of a search before the catalogue is used instead"
    )
    search_rest_seconds: float = Field(
        2.0, gt=0, le=60, description="how long the engine is not used after twenty consecutive failures"
    )

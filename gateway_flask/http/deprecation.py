"""Deprecated routes: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and a link to what replaces the route."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from flask import Response
from werkzeug.http import http_date


@dataclass(frozen=True)
class Deprecation:
    """From which day a route is deprecated, when it ends, and the path of the route to use instead."""

    since: date
    sunset: date | None = None
    successor: str = ""

    def headers(self) -> dict[str, str]:
        """The headers of each reply of the route, refusals included."""
        headers = {"Deprecation": f"@{int(_midnight(self.since).timestamp())}"}
        if self.sunset is not None:
            headers["Sunset"] = http_date(_midnight(self.sunset))
        if self.successor:
            headers["Link"] = f'<{self.successor}>; rel="successor-version"'
        return headers

    def tell(self, response: Response) -> Response:
        """Set the headers of a reply."""
        response.headers.update(self.headers())
        return response

    def describe(self, operation: dict[str, Any]) -> None:
        """Say so in the route's OpenAPI operation."""
        operation["deprecated"] = True
        ends = f" It ends on {self.sunset}." if self.sunset else ""
        instead = f" Use `{self.successor}` instead." if self.successor else ""
        text = f"Deprecated since {self.since}.{ends}{instead}"
        operation["description"] = f"{operation.get('description', '')}\n\n{text}".strip()
        headers = {name: {"schema": {"type": "string"}, "example": value} for name, value in self.headers().items()}
        for status, response in operation["responses"].items():
            if status.startswith("2"):
                response.setdefault("headers", {}).update(headers)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)

"""The result of one outage."""

from dataclasses import dataclass


@dataclass(frozen=True)
class OutageResult:
    """Replies from the beginning of an outage until all processes were healthy again; recoveries in seconds."""

    outage: str
    orders: int
    """Orders that were confirmed while the fault was on."""
    replies: dict[str, int]
    """Numbers of replies by status."""
    slowest_seconds: float
    slowest_request: str
    order_recovery: float
    """From the fault's end to the next confirmed order."""
    health_recovery: float
    """From the fault's end until each process had been healthy."""

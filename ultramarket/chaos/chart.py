"""The course of a run as an SVG: orders over time, and the times at which faults were on."""

from html import escape
from typing import Final

from ultramarket.chaos.run import Fault, Sample

WIDTH: Final = 960
HEIGHT: Final = 360
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 56, 44
SERIES: Final = (
    ("placed", "#64748b"),
    ("confirmed", "#15803d"),
    ("refused", "#b45309"),
    ("in_flight", "#1d4ed8"),
)
FAULT_COLOUR: Final = "#dc2626"
GRID: Final = "#e2e8f0"
TEXT: Final = "#334155"
ANCHORS: Final = ("start", "middle", "middle", "middle", "end")
LABELLED_FAULTS: Final = 12
"""With more faults than this they are drawn without their names."""


def chart(title: str, samples: list[Sample], faults: list[Fault]) -> str:
    """An SVG document of `WIDTH` x `HEIGHT`."""
    last = max((sample.at for sample in samples), default=1.0) or 1.0
    most = max((sample.placed for sample in samples), default=1) or 1

    def x(at: float) -> float:
        return round(LEFT + at / last * (WIDTH - LEFT - RIGHT), 1)

    def y(count: float) -> float:
        return round(HEIGHT - BOTTOM - count / most * (HEIGHT - TOP - BOTTOM), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{TEXT}" role="img" aria-label="{escape(title)}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="15" font-weight="600">{escape(title)}</text>',
    ]
    for step in range(5):
        count = most * step / 4
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(count)}" y2="{y(count)}" stroke="{GRID}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(count) + 4}" text-anchor="end">{round(count):,}</text>')
        at = last * step / 4
        parts.append(f'<text x="{x(at)}" y="{HEIGHT - BOTTOM + 18}" text-anchor="{ANCHORS[step]}">{at:.0f} s</text>')
    parts += [_fault(fault, x, last, len(faults) <= LABELLED_FAULTS) for fault in faults]
    for number, (name, colour) in enumerate(SERIES):
        points = " ".join(f"{x(sample.at)},{y(getattr(sample, name))}" for sample in samples)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        left = LEFT + number * 120
        parts.append(f'<rect x="{left}" y="34" width="14" height="3" fill="{colour}"/>')
        parts.append(f'<text x="{left + 20}" y="40">{name.replace("_", " ")}</text>')
    if faults:
        left = LEFT + len(SERIES) * 120
        parts.append(f'<rect x="{left}" y="30" width="14" height="10" fill="{FAULT_COLOUR}" opacity="0.25"/>')
        marked = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        parts.append(f'<text x="{left + 20}" y="40">{marked}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _fault(fault: Fault, x, last: float, labelled: bool) -> str:  # type: ignore[no-untyped-def]
    begun, ended = x(fault.begun), x(fault.ended if fault.ended is not None else last)
    box = (
        f'<rect x="{begun}" y="{TOP}" width="{max(ended - begun, 1.0):.1f}" height="{HEIGHT - TOP - BOTTOM}" '
        f'fill="{FAULT_COLOUR}" opacity="{0.12 if ended - begun > 2 else 0.35}">'
        f"<title>{escape(fault.name)}</title></rect>"
    )
    label = f'<text x="{begun + 3}" y="{TOP + 12}" font-size="10" fill="{FAULT_COLOUR}">{escape(fault.name)}</text>'
    return box + label if labelled else box

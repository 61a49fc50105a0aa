"""A picture of arrows between two columns of names, as an SVG that any browser shows."""

from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

ROW, TOP, BOX, WIDTH, GAP = 34, 72, 26, 150, 420
"""Pixels: a row, the title, a box's height and width, the way between the columns."""
COLOURS: Final = (
    "#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2", "#be185d", "#4d7c0f",
    "#9333ea", "#ea580c", "#0d9488", "#b91c1c", "#1d4ed8", "#a16207", "#15803d", "#6d28d9",
)  # fmt: skip


def two_columns(title: str, left: str, right: str, arrows: Sequence[tuple[str, str]]) -> str:
    """Who stands left of an arrow, who right of it; each of the left has a colour of its own."""
    froms = list(dict.fromkeys(one for one, _ in arrows))
    tos = sorted(dict.fromkeys(other for _, other in arrows))
    height = TOP + ROW * max(len(froms), len(tos)) + 16
    width = 2 * WIDTH + GAP + 80
    place = {name: TOP + ROW * number for number, name in enumerate(froms)}
    goal = {name: TOP + ROW * number for number, name in enumerate(tos)}
    start, end = 40 + WIDTH, 40 + WIDTH + GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" role="img">',
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="40" y="30" font-size="18" font-weight="600" fill="#111827">{escape(title)}</text>',
        f'<text x="40" y="56" font-size="12" fill="#6b7280">{escape(left)}</text>',
        f'<text x="{end}" y="56" font-size="12" fill="#6b7280">{escape(right)}</text>',
    ]
    for one, other in arrows:
        y1, y2, colour = place[one] + BOX // 2, goal[other] + BOX // 2, COLOURS[froms.index(one) % len(COLOURS)]
        bend = f"M{start},{y1} C{start + GAP // 2},{y1} {end - GAP // 2},{y2} {end - 7},{y2}"
        lines.append(f'<path d="{bend}" fill="none" stroke="{colour}" stroke-width="1.6" stroke-opacity="0.75"/>')
        lines.append(f'<path d="M{end - 8},{y2 - 4} L{end},{y2} L{end - 8},{y2 + 4} Z" fill="{colour}"/>')
    lines += [_box(40, place[name], name, COLOURS[froms.index(name) % len(COLOURS)]) for name in froms]
    lines += [_box(end, goal[name], name, "#374151") for name in tos]
    return "\n".join([*lines, "</svg>", ""])


def _box(x: int, y: int, name: str, colour: str) -> str:
    frame = f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{BOX}" rx="5" fill="#f9fafb" stroke="{colour}"/>'
    return f'{frame}<text x="{x + 10}" y="{y + 18}" font-size="14" fill="#111827">{escape(name)}</text>'

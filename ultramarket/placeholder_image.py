"""Placeholder image of a product: its initials on its category's colour, its title below.

The same product always gets the same bytes, so that the image is stored once however often it is drawn.
"""

import colorsys
import hashlib
import io
import re
from functools import cache
from typing import Any, Final

EDGE: Final = 640
OVERSAMPLING: Final = 2
"""The background is drawn at twice the size and reduced, for smooth edges."""
MARGIN: Final = 56


def draw(title: str, category: str, brand: str = "") -> bytes:
    """The image as JPEG."""
    from PIL import ImageDraw

    picture = _background(category).copy()
    pen = ImageDraw.Draw(picture)
    letters = initials(title, brand)
    pen.text((EDGE // 2, EDGE // 2 - 48), letters, "white", _font(230), anchor="mm")
    lines = _wrapped(title, pen)
    at = EDGE - MARGIN - (len(lines) - 1) * 44
    if brand and brand.casefold() not in title.casefold():
        pen.text((MARGIN, at - 52), brand.upper(), "white", _font(20), anchor="ls")
    for index, line in enumerate(lines):
        pen.text((MARGIN, at + index * 44), line, "white", _font(34), anchor="ls")
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=92)
    return written.getvalue()


def initials(title: str, brand: str = "") -> str:
    """Two letters, of the first two words; without the brand if two other words remain."""
    words = [word for word in re.findall(r"[^\W_]+", title) if word[0].isalnum()]
    of_brand = {word.casefold() for word in re.findall(r"[^\W_]+", brand)}
    other_words = [word for word in words if word.casefold() not in of_brand]
    chosen = other_words if len(other_words) >= 2 else words
    if not chosen:
        return "?"
    return (chosen[0][0] + chosen[1][0] if len(chosen) > 1 else chosen[0][:2].capitalize()).upper()


@cache
def _background(category: str) -> Any:
    """A gradient of two neighbouring colours with two lighter discs, once per category."""
    from PIL import Image, ImageDraw, ImageOps

    hue = int.from_bytes(hashlib.sha256(category.encode()).digest()[:2]) / 65_536
    edge = EDGE * OVERSAMPLING
    slope = Image.linear_gradient("L").rotate(35, resample=Image.Resampling.BICUBIC).crop((40, 40, 216, 216))
    ground = ImageOps.colorize(slope.resize((edge, edge)), _colour(hue, 0.56), _colour(hue + 0.07, 0.34))
    light = Image.new("L", (edge, edge), 0)
    pen = ImageDraw.Draw(light)
    pen.ellipse((edge * 0.45, -edge * 0.35, edge * 1.35, edge * 0.55), fill=26)
    pen.ellipse((-edge * 0.3, edge * 0.55, edge * 0.4, edge * 1.25), fill=18)
    ground.paste((255, 255, 255), mask=light)
    return ground.resize((EDGE, EDGE), Image.Resampling.BOX)


def _colour(hue: float, lightness: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hls_to_rgb(hue % 1, lightness, 0.52)
    return round(red * 255), round(green * 255), round(blue * 255)


@cache
def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _wrapped(title: str, pen: Any) -> list[str]:
    """The title on at most two lines."""
    width, lines = EDGE - 2 * MARGIN, [""]
    for word in title.split():
        longer = f"{lines[-1]} {word}".strip()
        if pen.textlength(longer, _font(34)) <= width or not lines[-1]:
            lines[-1] = longer
        elif len(lines) < 2:
            lines.append(word)
        else:
            lines[-1] += "…"
            break
    return lines

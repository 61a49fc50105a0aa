"""From a picture that somebody sent to ours: decoded, turned upright, and written anew without anything else in it.

A file's metadata (where it was taken, with what) and whatever hides behind a picture stay behind: only pixels go on.
"""

import io
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from services.files.domain import SIZES

DECODERS: Final = ("JPEG", "PNG", "WEBP", "GIF")
TURNED: Final = (5, 6, 7, 8)
"""EXIF orientations that swap width and height."""
ORIENTATION: Final = 0x0112


class Unfit(Exception):
    """What is wrong with the picture, for whoever sent it."""


def encode(source: Path, folder: Path, max_pixels: int) -> dict[str, Any]:
    """Write every size in WebP and JPEG into `folder`. Returns width and height as seen, and the objects.

    Raises `Unfit`. How many pixels it has is read from its header, before any of them is decoded.
    """
    Image.MAX_IMAGE_PIXELS = max_pixels
    try:
        with Image.open(source, formats=DECODERS) as opened:
            width, height = opened.size
            if width * height > max_pixels:
                raise Unfit(f"has {width} × {height} pixels; {max_pixels // 10**6} megapixels are the limit")
            if opened.getexif().get(ORIENTATION) in TURNED:
                width, height = height, width
            picture = _upright(opened)
    except Image.DecompressionBombError:
        raise Unfit(f"has too many pixels; {max_pixels // 10**6} megapixels are the limit") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, IndexError, MemoryError):
        raise Unfit("can't be read as a picture: it is damaged, or not what it seems") from None
    return {"width": width, "height": height, "objects": _write(picture, folder)}


def _upright(opened: Image.Image) -> Image.Image:
    largest = max(SIZES.values())
    opened.draft("RGB", (largest, largest))  # a large JPEG is decoded at the size that is needed
    picture = ImageOps.exif_transpose(opened)
    if picture.mode.startswith("I"):  # 16 bits of grey: Pillow would cut them off at 255, which is white
        picture = picture.convert("I").point(lambda grey: grey * (1 / 256)).convert("L")
    if picture.mode in ("LA", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        return picture.convert("RGBA")
    profile = opened.info.get("icc_profile")
    if profile and picture.mode in ("RGB", "CMYK", "L"):
        with suppress(ImageCms.PyCMSError, OSError, ValueError):  # a broken profile: its colours as they are
            of_file, ours = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(picture, of_file, ours, outputMode="RGB")
            return converted or picture.convert("RGB")
    return picture.convert("RGB")


def _write(picture: Image.Image, folder: Path) -> list[dict[str, Any]]:
    objects = []
    for size, edge in SIZES.items():
        picture.thumbnail((edge, edge), Image.Resampling.LANCZOS, reducing_gap=3.0)
        plain = Image.new(picture.mode, picture.size)  # pixels and nothing else
        plain.paste(picture)
        for kind in ("webp", "jpeg"):
            path = folder / f"{size}.{kind}"
            if kind == "webp":
                plain.save(path, "WEBP", quality=82, method=2)
            else:
                _on_white(plain).save(path, "JPEG", quality=84, optimize=True, progressive=size == "full")
            facts = {"width": plain.width, "height": plain.height, "bytes": path.stat().st_size}
            objects.append({"size": size, "format": kind, **facts})
    return objects


def _on_white(picture: Image.Image) -> Image.Image:
    """JPEG knows no transparency."""
    if picture.mode != "RGBA":
        return picture
    ground = Image.new("RGB", picture.size, "white")
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground

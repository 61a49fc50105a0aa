"""Picture encoding: decode, rotate upright, convert to sRGB, and re-encode in all sizes without metadata."""

import io
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from services.files.domain import SIZES

DECODERS: Final = ("JPEG", "PNG", "WEBP", "GIF")
ROTATED: Final = (5, 6, 7, 8)
"""EXIF orientations that swap width and height."""
ORIENTATION: Final = 0x0112


class InvalidPicture(Exception):
    """The picture cannot be accepted; the message is shown to the client."""


def encode(source: Path, folder: Path, max_pixels: int) -> dict[str, Any]:
    """Write every size in WebP and JPEG into `folder`. Returns the visible width and height, and the objects.

    Raises `InvalidPicture`. The number of pixels is checked by the header, before decoding.
    """
    Image.MAX_IMAGE_PIXELS = max_pixels
    try:
        with Image.open(source, formats=DECODERS) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise InvalidPicture(f"has {width} × {height} pixels; {max_pixels // 10**6} megapixels are the limit")
            if image.getexif().get(ORIENTATION) in ROTATED:
                width, height = height, width
            picture = _normalized(image)
    except Image.DecompressionBombError:
        raise InvalidPicture(f"has too many pixels; {max_pixels // 10**6} megapixels are the limit") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, IndexError, MemoryError):
        raise InvalidPicture("cannot be decoded as a picture") from None
    return {"width": width, "height": height, "objects": _write(picture, folder)}


def _normalized(image: Image.Image) -> Image.Image:
    largest = max(SIZES.values())
    image.draft("RGB", (largest, largest))  # a large JPEG is decoded at the size that is needed
    picture = ImageOps.exif_transpose(image)
    if picture.mode.startswith("I"):  # 16 bits of grey: Pillow would cut them off at 255, which is white
        picture = picture.convert("I").point(lambda grey: grey * (1 / 256)).convert("L")
    if picture.mode in ("LA", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        return picture.convert("RGBA")
    profile = image.info.get("icc_profile")
    if profile and picture.mode in ("RGB", "CMYK", "L"):
        with suppress(ImageCms.PyCMSError, OSError, ValueError):  # invalid profile: keep the colours unchanged
            of_file, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(picture, of_file, srgb, outputMode="RGB")
            return converted or picture.convert("RGB")
    return picture.convert("RGB")


def _write(picture: Image.Image, folder: Path) -> list[dict[str, Any]]:
    objects = []
    for size, edge in SIZES.items():
        picture.thumbnail((edge, edge), Image.Resampling.LANCZOS, reducing_gap=3.0)
        pixels = Image.new(picture.mode, picture.size)  # drops metadata
        pixels.paste(picture)
        for kind in ("webp", "jpeg"):
            path = folder / f"{size}.{kind}"
            if kind == "webp":
                pixels.save(path, "WEBP", quality=82, method=2)
            else:
                _on_white(pixels).save(path, "JPEG", quality=84, optimize=True, progressive=size == "full")
            fields = {"width": pixels.width, "height": pixels.height, "bytes": path.stat().st_size}
            objects.append({"size": size, "format": kind, **fields})
    return objects


def _on_white(picture: Image.Image) -> Image.Image:
    """The picture on a white background: JPEG has no transparency."""
    if picture.mode != "RGBA":
        return picture
    background = Image.new("RGB", picture.size, "white")
    background.paste(picture, mask=picture.getchannel("A"))
    return background

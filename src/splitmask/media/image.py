"""Still images through Pillow → (H, W, 3) uint8 RGB, the way an image editor shows them.

Orientation from EXIF is applied. Transparency is composited on white. 16-bit samples are scaled by
their full range (v / 257, rounded), whatever the picture uses of it; floats and 32-bit integers are
stretched from their lowest to their highest value, floats within 0…1 taken as they are. (16-bit
colour, which Pillow reads by its high byte, is at most 1 lower.) Colour profiles are not applied.
"""

from __future__ import annotations

import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, UnidentifiedImageError

from splitmask.errors import MediaError, PromptError
from splitmask.media.files import check_readable
from splitmask.media.orientation import UPRIGHT, Orientation, from_exif
from splitmask.types import BoolArray, ByteArray

# Pillow's readers that know their format by its first bytes and run nothing outside (EPS would).
FORMATS = (
    "JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "DIB", "AVIF", "JPEG2000",
    "PPM", "PSD", "ICO", "DDS", "SGI", "QOI", "HEIF",
)  # fmt: skip

# What names an image file in a folder; a file given by itself is known by its bytes.
SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".tif", ".tiff", ".gif", ".bmp",
    ".dib", ".avif", ".jp2", ".j2k", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".psd", ".ico", ".dds",
    ".sgi", ".qoi", ".tga", ".heic", ".heif",
})  # fmt: skip

_EXIF_ORIENTATION = 0x0112
_DEEP_MODES = frozenset({"I;16", "I;16B", "I;16L", "I;16N", "I", "F"})

# What Pillow's readers run into when a file is not what its first bytes promise.
_DAMAGE = (
    OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, ArithmeticError, RuntimeError,
    Warning, struct.error, zlib.error,
)  # fmt: skip

# Python's warning filters are one for the process: two threads inside catch_warnings would leave them wrong.
_opening = threading.Lock()


def read_image(path: Path | str) -> ByteArray:
    """A still image, or the first picture of an animated one → (H, W, 3) uint8 RGB, upright.

    Raises MediaError for what is missing, damaged, no image, or beyond Pillow's pixel limit.
    """
    with open_image(Path(path)) as picture:
        return picture.rgb()


def read_mask(path: Path | str, size: tuple[int, int]) -> BoolArray:
    """A mask drawn in another program → (H, W) bool, True inside the object.

    Inside is, in this order: where the picture has transparency, alpha above half; with a palette,
    every index but 0 (as DAVIS stores objects); otherwise brightness (the largest channel) above half,
    or, where nothing reaches half, above 0 (as label maps store 0, 1, 2, …).

    size: (height, width) of the frame that the mask belongs to. Raises MediaError where it cannot be
    read, PromptError where its size is another.
    """
    with open_image(Path(path)) as picture:
        picture.image.load()
        inside = picture.orientation.upright(_inside(picture.image))
    if inside.shape != size:
        raise PromptError(
            f"mask {path} is {inside.shape[1]} × {inside.shape[0]} pixels but its frame is "
            f"{size[1]} × {size[0]}; draw it on the frame itself"
        )
    return inside


@dataclass(frozen=True, slots=True)
class Picture:
    """An image file whose header has been read."""

    image: Image.Image
    orientation: Orientation

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) as `rgb` will have it, from the header alone."""
        return self.orientation.upright_size((self.image.height, self.image.width))

    def rgb(self) -> ByteArray:
        """The page or moment that `image` stands at → (H, W, 3) uint8, upright, its own memory."""
        self.image.load()
        return self.orientation.upright(_rgb(self.image))


@contextmanager
def open_image(path: Path) -> Iterator[Picture]:
    """An image file, its header read; errors within the block become MediaErrors naming the path."""
    check_readable(path)
    try:
        picture = _identify(path)
        with picture.image:
            yield picture
    except UnidentifiedImageError as error:
        raise MediaError(f"{path} is not an image that can be read; convert it to PNG or JPEG") from error
    except Image.DecompressionBombError as error:
        raise MediaError(f"{path} is too large an image ({_bomb_limit()}); scale it down first") from error
    except (MediaError, PromptError):
        raise
    except _DAMAGE as error:
        raise MediaError(f"{path} is damaged ({_one_line(error)}); copy or export it again") from error


def is_image(path: Path) -> bool:
    """Whether Pillow knows the file's first bytes."""
    try:
        _identify(path).image.close()
    except Image.DecompressionBombError:
        return True
    except _DAMAGE:
        return False
    return True


def on_white(rgba: ByteArray) -> ByteArray:
    """(H, W, 4) with straight alpha → (H, W, 3) over white."""
    alpha = rgba[..., 3:].astype(np.uint16)
    shade = (255 - rgba[..., :3].astype(np.uint16)) * alpha
    return (255 - (shade + 127) // 255).astype(np.uint8)


def _identify(path: Path) -> Picture:
    Image.init()
    known = [name for name in FORMATS if name in Image.OPEN]
    if path.suffix.lower() == ".tga":  # has no signature of its own
        known.append("TGA")
    with _opening, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of large pictures (below the limit) and of odd metadata
        image = Image.open(path, formats=known)
        return Picture(image, _orientation(image))


def _orientation(image: Image.Image) -> Orientation:
    if image.format == "TIFF":
        return UPRIGHT  # Pillow turns these itself, size and pixels
    if image.format == "PNG" and "exif" not in image.info:
        return UPRIGHT  # asking would decode the whole picture to look behind it
    try:
        return from_exif(image.getexif().get(_EXIF_ORIENTATION))
    except _DAMAGE:
        return UPRIGHT  # damaged metadata does not damage the picture


def _rgb(image: Image.Image) -> ByteArray:
    if image.mode in _DEEP_MODES:
        return np.repeat(_eight_bits(_deep_samples(image))[..., None], 3, axis=2)
    if image.has_transparency_data:
        return on_white(np.asarray(image.convert("RGBA")))
    if image.mode == "LAB":
        to_srgb = ImageCms.buildTransform(
            ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
        )
        image = ImageCms.applyTransform(image, to_srgb) or image
    return np.array(image.convert("RGB"), np.uint8)


def _deep_samples(image: Image.Image) -> npt.NDArray[np.generic]:
    samples = np.asarray(image)
    # Pillow holds some 16-bit pictures in 32 bits; neither format goes deeper
    return samples.astype(np.uint16) if image.format in ("PNG", "PPM") and image.mode == "I" else samples


def _eight_bits(samples: npt.NDArray[np.generic]) -> ByteArray:
    """(H, W) of deep samples → uint8, by the rule at the top of this file."""
    if samples.dtype.itemsize == 2:
        return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
    values = np.nan_to_num(samples.astype(np.float64))
    low, high = float(values.min()), float(values.max())
    if samples.dtype.kind == "f" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    scale = 255 / (high - low) if high > low else 0.0
    return np.rint((values - low) * scale).astype(np.uint8)


def _inside(image: Image.Image) -> BoolArray:
    if image.has_transparency_data:
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
        if alpha.min() < 255:
            return np.asarray(alpha > 127)
    if image.mode == "P":
        return np.asarray(np.asarray(image) != 0)
    if image.mode in _DEEP_MODES:
        return _above_half(_deep_samples(image))
    return _above_half(np.asarray(image.convert("RGB")).max(axis=2))


def _above_half(values: npt.NDArray[np.generic]) -> BoolArray:
    """(H, W) of brightness → above half of what its type holds, or above 0 where nothing reaches half."""
    brightness = values.astype(np.float64)
    highest = float(brightness.max())
    half = highest / 2 if values.dtype.kind == "f" else 2 ** (8 * values.dtype.itemsize) // 2 - 1
    return np.asarray(brightness > (half if highest > half else 0))


def _bomb_limit() -> str:
    return f"more than {2 * (Image.MAX_IMAGE_PIXELS or 0) // 10**6} million pixels"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__

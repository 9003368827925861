import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from splitmask.errors import MediaError, PromptError
from splitmask.media import read_image, read_mask
from splitmask.media.image import open_image

RGB = np.array(
    [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[0, 0, 0], [9, 99, 199], [255, 255, 255]]], np.uint8
)


def save(path: Path, array: np.ndarray, mode: str | None = None, **how: object) -> Path:
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path, **how)
    return path


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp", "ppm", "tga", "gif"])
def test_lossless_formats_come_back_as_they_were(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a.{suffix}", RGB, **({"lossless": True} if suffix == "webp" else {}))
    image = read_image(path)
    np.testing.assert_array_equal(image, RGB)
    assert image.flags.writeable
    assert image.flags.owndata or image.base is not None


def test_jpeg_turned_by_exif_stands_upright(tmp_path: Path) -> None:
    stored = np.full((16, 32, 3), 200, np.uint8)
    stored[:, :16] = 20
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the picture is at the right of what is stored
    for suffix in ("jpg", "png", "webp", "tiff"):
        image = read_image(save(tmp_path / f"a.{suffix}", stored, exif=exif))
        assert image.shape == (32, 16, 3)
        assert image[4, 8, 0] < 40
        assert image[28, 8, 0] > 180


def test_sixteen_bits_are_scaled_by_their_full_range(tmp_path: Path) -> None:
    values = np.array([[0, 128, 129, 257, 1000, 32768, 65534, 65535]], np.uint16)
    expected = np.rint(values / 257).astype(np.uint8)
    for suffix in ("png", "tiff", "pgm"):
        image = read_image(save(tmp_path / f"a.{suffix}", values))
        np.testing.assert_array_equal(image[..., 0], expected)
        np.testing.assert_array_equal(image[..., 2], expected)


def test_sixteen_bits_are_not_stretched(tmp_path: Path) -> None:
    values = np.array([[257 * 10, 257 * 20]], np.uint16)
    for suffix in ("png", "tiff", "pgm"):
        image = read_image(save(tmp_path / f"a.{suffix}", values))
        np.testing.assert_array_equal(image[0, :, 1], [10, 20])


def test_sixteen_bit_colour_is_within_one(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 65536, (4, 5, 3)).astype(">u2")
    path = tmp_path / "a.png"
    path.write_bytes(png(5, 4, 16, 2, b"".join(b"\0" + row.tobytes() for row in values)))
    assert np.abs(read_image(path) - values / 257).max() <= 1


def test_floats_and_wide_integers_are_stretched(tmp_path: Path) -> None:
    unit = np.array([[0, 0.5, 1]], np.float32)
    np.testing.assert_array_equal(read_image(save(tmp_path / "u.tiff", unit))[0, :, 1], [0, 128, 255])
    half = np.array([[0.25, 0.5]], np.float32)
    np.testing.assert_array_equal(read_image(save(tmp_path / "h.tiff", half))[0, :, 1], [64, 128])
    wide = np.array([[-1000, 0, 1000]], np.int32)
    np.testing.assert_array_equal(read_image(save(tmp_path / "w.tiff", wide))[0, :, 1], [0, 128, 255])
    flat = np.full((1, 2), 70000, np.int32)
    np.testing.assert_array_equal(read_image(save(tmp_path / "f.tiff", flat))[0, :, 1], [0, 0])


def test_transparency_is_composited_on_white(tmp_path: Path) -> None:
    rgba = np.array([[[200, 0, 100, 0], [200, 0, 100, 255], [200, 0, 100, 128]]], np.uint8)
    image = read_image(save(tmp_path / "a.png", rgba))
    np.testing.assert_array_equal(image[0, :2], [[255, 255, 255], [200, 0, 100]])
    assert np.abs(image[0, 2] - (np.array([200, 0, 100]) * 128 / 255 + 127)).max() <= 1
    grey = read_image(save(tmp_path / "la.png", rgba, "LA"))
    np.testing.assert_array_equal(grey[0, 0], [255, 255, 255])


def test_palettes_with_and_without_transparency(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    image.putpalette([1, 2, 3, 40, 50, 60, 70, 80, 90])
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[0], [[1, 2, 3], [40, 50, 60], [70, 80, 90]])
    image.save(tmp_path / "t.png", transparency=1)
    np.testing.assert_array_equal(read_image(tmp_path / "t.png")[0], [[1, 2, 3], [255] * 3, [70, 80, 90]])


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_has_three_equal_channels(tmp_path: Path, mode: str) -> None:
    grey = np.array([[0, 255, 255, 0]], np.uint8)
    image = read_image(save(tmp_path / "a.png", grey, mode))
    np.testing.assert_array_equal(image, np.repeat(grey[..., None], 3, 2))


def test_print_colours_become_rgb(tmp_path: Path) -> None:
    large = RGB.repeat(16, 0).repeat(16, 1)
    cmyk = read_image(save(tmp_path / "a.jpg", large, "CMYK", quality=100))
    assert np.abs(cmyk.astype(int) - large)[8::16, 8::16].max() <= 12
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    lab = ImageCms.applyTransform(Image.fromarray(RGB), to_lab)
    assert lab is not None
    lab.save(tmp_path / "lab.tiff")
    assert np.abs(read_image(tmp_path / "lab.tiff").astype(int) - RGB).max() <= 24  # LAB in 8 bits is coarse


def test_one_pixel(tmp_path: Path) -> None:
    assert read_image(save(tmp_path / "a.png", RGB[:1, :1])).tolist() == [[[255, 0, 0]]]


def test_a_very_large_picture_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(60_000, 60_000, 8, 2, b""))
    with pytest.raises(MediaError, match=r"bomb\.png is too large an image .*million pixels.*scale it down"):
        read_image(path)


def test_a_large_picture_below_the_limit_is_no_warning(tmp_path: Path) -> None:
    path = tmp_path / "large.png"  # 100 megapixels: Pillow warns of it, cameras make it
    path.write_bytes(png(12_500, 8_000, 8, 2, b""))
    with open_image(path) as picture:
        assert picture.size == (8_000, 12_500)


def test_damaged_images_are_one_line(tmp_path: Path) -> None:
    whole = save(tmp_path / "a.png", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    cut = tmp_path / "cut.png"
    cut.write_bytes(whole.read_bytes()[:2000])
    with pytest.raises(MediaError, match=r"cut\.png is damaged \(.*\); copy or export it again") as caught:
        read_image(cut)
    assert "\n" not in str(caught.value)
    (tmp_path / "b.jpg").write_bytes(b"not a picture")
    with pytest.raises(MediaError, match=r"b\.jpg is not an image"):
        read_image(tmp_path / "b.jpg")


def test_damaged_metadata_does_not_damage_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(path, exif=b"Exif\0\0II*\0\xff\xff\xff\xff\x01")
    assert read_image(path).shape == (8, 8, 3)


def test_missing_empty_and_folders(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    for name, message in [
        ("no.png", "does not exist; check the path"),
        ("empty.png", r"is empty \(0 bytes\)"),
        ("", "is a folder, where a file is needed"),
    ]:
        with pytest.raises(MediaError, match=message):
            read_image(tmp_path / name)


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(MediaError, match="is not a regular file"):
        read_image(tmp_path / "pipe.png")


def test_unreadable_files_say_so(tmp_path: Path) -> None:
    save(tmp_path / "a.png", RGB).chmod(0)
    (tmp_path / "frames").mkdir(mode=0)
    tmp_path.chmod(0o755)
    code = (
        "import os; from PIL import Image; Image.init()\n"
        "from splitmask.media import open_clip, read_image\n"
        "os.getuid() or os.setuid(65534)\n"  # root may read everything
        "for read, path in [(open_clip, 'a.png'), (read_image, 'a.png'), (open_clip, 'frames')]:\n"
        "    try: read(path)\n"
        "    except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    lines = [f"MediaError {name} may not be read" for name in ("a.png", "a.png", "frames")]
    expected = [f"{line} (permission denied); change its permissions" for line in lines]
    assert done.stdout.splitlines() == expected, done.stderr


@pytest.mark.parametrize(
    ("array", "mode"),
    [
        (np.array([[0, 255, 128, 127]], np.uint8), "L"),
        (np.array([[0, 65535, 32768, 32767]], np.uint16), None),
        (np.array([[0, 1.0, 0.6, 0.5]], np.float32), None),
    ],
    ids=["8 bit", "16 bit", "float"],
)
def test_bright_masks_are_cut_at_half(tmp_path: Path, array: np.ndarray, mode: str | None) -> None:
    mask = read_mask(save(tmp_path / "m.tiff", array, mode), (1, 4))
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, [[False, True, True, False]])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
def test_label_maps_count_every_label(tmp_path: Path, dtype: type) -> None:
    mask = read_mask(save(tmp_path / "m.tiff", np.array([[0, 1, 2, 100]], dtype)), (1, 4))
    np.testing.assert_array_equal(mask, [[False, True, True, True]])


def test_palette_masks_count_every_index_but_0(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 255]], np.uint8), "P")
    image.putpalette([255, 255, 255, 0, 0, 0] + [9] * 762)  # colours do not matter
    image.save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png", (1, 3)), [[False, True, True]])


def test_transparent_masks_are_their_alpha(tmp_path: Path) -> None:
    rgba = np.array([[[255, 255, 255, 0], [0, 0, 0, 255], [0, 0, 0, 127], [0, 0, 0, 128]]], np.uint8)
    mask = read_mask(save(tmp_path / "m.png", rgba), (1, 4))
    np.testing.assert_array_equal(mask, [[False, True, False, True]])


def test_opaque_rgba_masks_are_their_brightness(tmp_path: Path) -> None:
    rgba = np.array([[[0, 0, 0, 255], [255, 0, 0, 255]]], np.uint8)
    np.testing.assert_array_equal(read_mask(save(tmp_path / "m.png", rgba), (1, 2)), [[False, True]])


def test_one_bit_and_black_masks(tmp_path: Path) -> None:
    assert read_mask(save(tmp_path / "m.png", np.array([[0, 255]], np.uint8), "1"), (1, 2)).tolist() == [
        [False, True]
    ]
    assert not read_mask(save(tmp_path / "b.png", np.zeros((2, 2), np.uint8)), (2, 2)).any()


def test_a_mask_of_another_size_names_both(tmp_path: Path) -> None:
    path = save(tmp_path / "m.png", np.zeros((2, 3), np.uint8))
    with pytest.raises(PromptError, match=r"m\.png is 3 × 2 pixels but its frame is 5 × 4"):
        read_mask(path, (4, 5))
    with pytest.raises(MediaError, match="does not exist"):
        read_mask(tmp_path / "no.png", (4, 5))


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG written by hand, for what Pillow does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )

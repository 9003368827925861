from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest

from media_helpers import numbered, write_video
from splitmask.media import open_clip
from splitmask.media.colour import RgbConverter
from splitmask.media.orientation import UPRIGHT
from splitmask.types import ByteArray

COLOUR = (200, 60, 30)
LOSSLESS = {"preset": "ultrafast", "crf": "1"}


def flat(height: int = 32, width: int = 48) -> ByteArray:
    return np.full((height, width, 3), COLOUR, np.uint8)


def encoded(matrix: int, tag: int, size: tuple[int, int] = (32, 48)) -> av.VideoFrame:
    """A picture encoded with one matrix and tagged with another."""
    picture = av.VideoFrame.from_ndarray(flat(*size)).reformat(format="yuv420p", dst_colorspace=matrix)
    picture.colorspace = tag
    return picture


def off(image: ByteArray) -> int:
    return int(np.abs(image.astype(int) - COLOUR).max())


@pytest.mark.parametrize("matrix", [1, 5, 9], ids=["BT.709", "BT.601", "BT.2020"])
@pytest.mark.parametrize("colour_range", [1, 2], ids=["limited", "full"])
def test_tagged_video_keeps_its_colours(tmp_path: Path, matrix: int, colour_range: int) -> None:
    path = write_video(
        tmp_path / "a.mp4", [flat()], colourspace=matrix, colour_range=colour_range, options=LOSSLESS
    )
    with open_clip(path) as clip:
        assert off(clip.frame(0).image) <= 3


@pytest.mark.parametrize(
    ("size", "matrix"), [((720, 1280), 1), ((576, 720), 5), ((640, 360), 1), ((16, 1280), 1)]
)
def test_untagged_video_is_709_in_high_definition(size: tuple[int, int], matrix: int) -> None:
    assert off(RgbConverter(size, UPRIGHT).rgb(encoded(matrix, 2, size))) <= 3


def test_constant_luminance_is_taken_as_the_nearest_matrix() -> None:
    assert off(RgbConverter((32, 48), UPRIGHT).rgb(encoded(9, 10))) <= 3


@pytest.mark.parametrize("width", range(16, 36))
def test_transparent_pictures_are_whole_to_their_last_column(width: int) -> None:
    picture = av.VideoFrame(width, 16, "yuva420p")
    for plane, value in zip(picture.planes, (235, 128, 128, 0), strict=True):
        padded = np.frombuffer(plane, np.uint8).reshape(plane.height, -1)
        padded[:] = np.random.default_rng(width).integers(0, 256, padded.shape)
        padded[:, : plane.width] = value
    assert RgbConverter((16, width), UPRIGHT).rgb(picture).min() == 255


@pytest.mark.parametrize("tag", range(18))
def test_no_tag_makes_conversion_fail(tag: int) -> None:
    assert RgbConverter((32, 48), UPRIGHT).rgb(encoded(5, tag)).shape == (32, 48, 3)


@pytest.mark.parametrize(
    ("codec", "pixels", "suffix", "tolerance"),
    [
        ("libx264", "yuv420p10le", "mp4", 3),
        ("libx264", "yuv444p", "mp4", 3),
        ("prores_ks", "yuv422p10le", "mov", 3),
        ("ffv1", "yuv420p16le", "mkv", 3),
        ("ffv1", "gbrp16le", "mkv", 1),
        ("ffv1", "bgr0", "mkv", 0),
        ("png", "rgb48be", "mov", 1),
    ],
)
def test_deep_and_unusual_pixels(
    tmp_path: Path, codec: str, pixels: str, suffix: str, tolerance: int
) -> None:
    options = LOSSLESS if codec == "libx264" else {}
    path = write_video(tmp_path / f"a.{suffix}", [flat()] * 2, codec=codec, pixels=pixels, options=options)
    with open_clip(path) as clip:
        assert off(clip.frame(1).image) <= tolerance


@pytest.mark.parametrize("pixels", ["gray", "gray16le"])
def test_grey_has_three_equal_channels(tmp_path: Path, pixels: str) -> None:
    ramp = np.repeat(np.arange(0, 256, 4, dtype=np.uint8)[None, :, None], 3, 2).repeat(8, 0)
    path = write_video(tmp_path / "a.mkv", [ramp], codec="ffv1", pixels=pixels, options={})
    with open_clip(path) as clip:
        assert np.abs(clip.frame(0).image.astype(int) - ramp).max() <= 1


@pytest.mark.parametrize(
    ("codec", "pixels", "suffix"),
    [("libvpx-vp9", "yuva420p", "webm"), ("prores_ks", "yuva444p10le", "mov"), ("png", "rgba", "mov")],
)
def test_transparency_is_composited_on_white(tmp_path: Path, codec: str, pixels: str, suffix: str) -> None:
    rgba = np.zeros((64, 96, 4), np.uint8)
    rgba[..., 0] = 200
    rgba[:, 48:, 3] = 255
    path = write_video(tmp_path / f"a.{suffix}", [rgba] * 3, codec=codec, pixels=pixels, options={})
    with open_clip(path) as clip:
        image = clip.frame(2).image.astype(int)
    assert np.abs(image[32, 16] - 255).max() <= 2
    assert np.abs(image[32, 80] - [200, 0, 0]).max() <= 3


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (17, 33), (63, 95)])
@pytest.mark.parametrize(
    ("codec", "pixels"), [("ffv1", "bgr0"), ("ffv1", "yuv420p"), ("libvpx-vp9", "yuv420p")]
)
def test_odd_sizes(tmp_path: Path, height: int, width: int, codec: str, pixels: str) -> None:
    path = write_video(tmp_path / "a.mkv", [flat(height, width)] * 2, codec=codec, pixels=pixels, options={})
    with open_clip(path) as clip:
        frame = clip.frame(1)
    assert frame.size == (height, width)
    assert off(frame.image) <= (0 if pixels == "bgr0" else 8)


def test_a_picture_of_another_size_is_scaled_to_the_clip() -> None:
    converter = RgbConverter((32, 48), UPRIGHT)
    for size in ((32, 48), (64, 96), (16, 24)):
        image = converter.rgb(encoded(5, 5, size))
        assert image.shape == (32, 48, 3)
        assert off(image) <= 3


@contextmanager
def one_picture(path: Path, pixels: str) -> Iterator[av.VideoStream]:
    """An MP4 of one picture; within it, its stream's fields may be set."""
    with av.open(path, "w") as output:
        stream = output.add_stream("libx264", rate=25, options=LOSSLESS)
        stream.width, stream.height, stream.pix_fmt = 96, 64, pixels
        yield stream
        output.mux(stream.encode(av.VideoFrame.from_ndarray(numbered(0))))
        output.mux(stream.encode(None))


def test_stored_pixels_are_kept_where_they_are_not_square(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with one_picture(path, "yuv420p") as stream:
        stream.codec_context.sample_aspect_ratio = 2
    with av.open(path) as container:
        assert container.streams.video[0].sample_aspect_ratio == 2
    with open_clip(path) as clip:
        assert (clip.height, clip.width) == (64, 96)


def test_high_dynamic_range_leaves_a_note(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with one_picture(path, "yuv420p10le") as stream:
        stream.codec_context.color_trc = 16
    with open_clip(path) as clip:
        assert clip.notes == [f"{path}: it is high dynamic range; frames are shown without tone mapping"]

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from media_helpers import numbered, write_numbered
from splitmask.errors import MediaError
from splitmask.media import open_clip
from splitmask.media.folder import FolderClip
from splitmask.media.sources import SOURCES
from splitmask.media.still import StillClip
from splitmask.media.video import VideoClip


def test_what_the_path_is_chooses_the_source(tmp_path: Path) -> None:
    frames = tmp_path / "frames.mp4"  # a folder all the same
    frames.mkdir()
    Image.fromarray(numbered(0)).save(frames / "0.png")
    still = tmp_path / "still"
    Image.fromarray(numbered(0)).save(still, format="png")
    video = write_numbered(tmp_path / "a.mp4", 2).rename(tmp_path / "video")
    for path, kind in [(frames, FolderClip), (still, StillClip), (video, VideoClip)]:
        with open_clip(path) as clip:
            assert type(clip) is kind
        with open_clip(str(path)) as clip:
            assert clip.path == path


def test_an_image_by_name_only_is_a_damaged_image(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(
        MediaError, match=r"a\.heic is not an image that can be read; convert it to PNG or JPEG"
    ):
        open_clip(tmp_path / "a.heic")


def test_every_source_has_a_row() -> None:
    assert [source.name for source in SOURCES] == ["frame folder", "image", "video"]


def test_reading_stills_loads_neither_torch_nor_ffmpeg(tmp_path: Path) -> None:
    Image.fromarray(numbered(0)).save(tmp_path / "a.png")
    code = (
        "import sys; from splitmask.media import open_clip\n"
        f"assert len(list(open_clip({str(tmp_path / 'a.png')!r}))) == 1\n"
        "print(sorted({'av', 'torch', 'onnxruntime'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr

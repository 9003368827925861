"""Pictures, or frames of a clip, → bundles in a folder. What is there already is not made again."""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from splitmask.bundle import Bundle, Dtype, Origin, of_frame, of_image, read_manifest
from splitmask.engine import Engine
from splitmask.errors import MediaError, OutputError, PromptError
from splitmask.jobs import tracking
from splitmask.jobs.script import Script
from splitmask.media import Clip, parse_range, read_image
from splitmask.media.clip import digest
from splitmask.media.files import check_readable, unreadable
from splitmask.media.folder import natural_key
from splitmask.media.image import SUFFIXES, is_image
from splitmask.result import ObjectInfo, PromptRecord
from splitmask.session import VideoSession

_LARGEST_MEMBER = 1 << 30  # bytes of one picture in a zip
_CHUNK = 1 << 20
_POINTERS = 16  # how many frames back any model looks
_ARCHIVE_DAMAGE = (
    zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError, LookupError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Picture:
    """An image file, or one in a zip."""

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        return Path(self.member).name if self.member else self.path.name

    def __str__(self) -> str:
        return f"{self.path}/{self.member}" if self.member else str(self.path)

    @contextmanager
    def file(self) -> Iterator[Path]:
        """A path to read it from. Raises MediaError."""
        if not self.member:
            yield self.path
            return
        with tempfile.TemporaryDirectory(prefix="splitmask-") as folder:
            file = Path(folder) / f"picture{Path(self.member).suffix}"
            _take_out(self, file)
            try:
                yield file
            except MediaError as error:
                raise MediaError(str(error).replace(str(file), str(self))) from error


@dataclass(frozen=True, slots=True)
class Target:
    """Where bundles go, and how. `overwrite`: also in place of others."""

    out: Path
    dtype: Dtype
    is_zip: bool
    overwrite: bool

    def path(self, name: str) -> Path:
        return self.out / (f"{name}.zip" if self.is_zip else name)

    def is_done(self, name: str, engine: Engine, origin: Origin) -> bool:
        """Whether the bundle is there, whole, of this source, prompts, model and dtype.

        Raises OutputError where another bundle is there and must not be replaced.
        """
        path = self.path(name)
        manifest = None if self.overwrite else read_manifest(path)
        if manifest is None:
            if not self.overwrite and path.is_file():
                raise OutputError(f"{path} is there already, and no whole bundle: give --overwrite")
            return False
        found = (manifest.model, manifest.weights_sha256, manifest.dtype, manifest.origin)
        if found == (engine.preset.name, engine.weights_sha256, self.dtype, origin):
            return True
        raise OutputError(
            f"{path} is there already, of another picture, prompts, model or dtype: "
            "choose another --out or give --overwrite"
        )


def pictures(sources: Sequence[str]) -> list[Picture]:
    """Image files, folders and zips of them, and patterns such as `shots/*.jpg` → what to encode.

    One that is named twice is encoded once. Raises MediaError where there is nothing, OutputError where two
    pictures would give one bundle.
    """
    seen: dict[str, Picture] = {}
    for picture in (picture for source in sources for picture in _of_source(source)):
        stem = Path(picture.name).stem
        if (other := seen.setdefault(stem, picture)) != picture:
            raise OutputError(f"{other} and {picture} would both write to {stem}; give them to two runs")
    return list(seen.values())


def encode(engine: Engine, picture: Picture, target: Target) -> Bundle | None:
    """Writes a picture's bundle; None if it was there. Raises MediaError and OutputError."""
    name = Path(picture.name).stem
    with picture.file() as file:
        origin = Origin(picture.name, digest([file]))
        if target.is_done(name, engine, origin):
            return None
        image = read_image(file)
    bundle = of_image(engine, image, origin)
    bundle.save(target.path(name), target.dtype)
    return bundle


def parse_frames(text: str) -> list[int]:
    """`10,20,30:40` → frame numbers, ascending, each once. Raises PromptError."""
    frames = set[int]()
    for part in (part.strip() for part in text.split(",")):
        if part.isdecimal():
            frames.add(int(part))
            continue
        if ":" not in part:
            raise PromptError(f'--frames {text}: "{part}" is neither a frame nor A:B; write e.g. 10,20:24')
        first, stop = parse_range(part)
        if stop is None:
            raise PromptError(f"--frames {part}: say where it ends, e.g. {first}:{first + 10}")
        frames |= set(range(first, stop))
    return sorted(frames)


def check_frames(frames: Sequence[int], clip: Clip) -> None:
    """Raises PromptError for a frame that the clip does not have."""
    if frames[-1] >= clip.count():
        clip.frame(frames[-1])


def frame_name(clip: Clip, frame: int) -> str:
    return f"{clip.path.stem}/{frame:06d}"


def encode_frames(
    engine: Engine, clip: Clip, frames: Sequence[int], target: Target
) -> Iterator[tuple[int, Bundle | None]]:
    """Writes the bundles of frames as they are; (frame, None) where one was there."""
    for frame in frames:
        name, origin = frame_name(clip, frame), Origin(clip.name, clip.sha256(), frame, clip.count())
        if target.is_done(name, engine, origin):
            yield frame, None
            continue
        bundle = of_image(engine, clip.frame(frame).image, origin)
        bundle.save(target.path(name), target.dtype)
        yield frame, bundle


def plan(clip: Clip, frames: Sequence[int], script: Script) -> tracking.Plan:
    """The run that reaches all of the frames from the prompts, and all that `track` would have attended
    to there. Raises PromptError."""
    said = sorted({each.frame for each in script.said})
    check_frames(said, clip)
    first = max(0, min(frames[0], said[0] - _POINTERS))
    return tracking.plan(range(first, max(said[-1], frames[-1]) + 1), script, "both")


def digest_of(script: Script, size: tuple[int, int]) -> str:
    """sha256 of the objects and of all that was said of them, for frames of (H, W)."""
    said = [
        PromptRecord.of(each.frame, each.object_id, prompt).to_json()
        for each in script.said
        for prompt in each.prompts(size)
    ]
    content = [[info.to_json() for info in script.objects], said]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def origins(clip: Clip, frames: Sequence[int], script: Script) -> dict[int, Origin]:
    """What the bundles of tracked frames say of where they are from."""
    said = digest_of(script, (clip.height, clip.width))
    return {frame: Origin(clip.name, clip.sha256(), frame, clip.count(), said) for frame in frames}


@dataclass(frozen=True, slots=True)
class TrackedFrames:
    """Frames whose bundles are written as a run passes them, and where each says it is from."""

    session: VideoSession
    clip: Clip
    wanted: Mapping[int, Origin]
    objects: Sequence[ObjectInfo]
    target: Target

    def passed(self, frame: int) -> Bundle | None:
        """To be called after the run has given that frame out; None if it is not wanted."""
        if frame not in self.wanted:
            return None
        known = [info for info in self.objects if info.id in self.session.object_ids]
        bundle = of_frame(self.session, frame, known, self.wanted[frame])
        bundle.save(self.target.path(frame_name(self.clip, frame)), self.target.dtype)
        return bundle


def encode_tracked(
    frames: TrackedFrames, script: Script, tick: tracking.Tick
) -> Iterator[tuple[int, Bundle]]:
    """Tracks what was prompted and writes the bundles of the frames as the run passes them, with what
    each object is there."""
    tracking.prompt(frames.session, script)
    run = plan(frames.clip, sorted(frames.wanted), script)
    for picture, _ in tracking.track(frames.session, frames.clip, run, tick):
        bundle = frames.passed(picture.index)
        if bundle is not None:
            yield picture.index, bundle


def _of_source(source: str) -> list[Picture]:
    path = Path(source).expanduser()
    if not path.exists() and any(sign in source for sign in "*?["):
        return [Picture(match) for match in _matches(path)]
    if path.is_dir():
        return _of_folder(path)
    if path.is_file() and not is_image(path) and zipfile.is_zipfile(path):
        return _of_zip(path)
    check_readable(path)
    if path.suffix.lower() == ".zip" and not is_image(path):
        raise MediaError(f"{path} is damaged or no zip; make it or fetch it again")
    if not is_image(path) and path.suffix.lower() not in SUFFIXES:
        raise MediaError(f"{path} is no picture; to encode frames of a video say which: --frames 10,20")
    return [Picture(path)]


def _matches(pattern: Path) -> list[Path]:
    below = pattern.relative_to(pattern.anchor)
    found = [path for path in Path(pattern.anchor).glob(str(below)) if _is_picture(path.name)]
    if not found:
        raise MediaError(f"{pattern} matches no image; check the pattern")
    return sorted(found, key=lambda path: natural_key(str(path)))


def _of_folder(folder: Path) -> list[Picture]:
    try:
        files = [file for file in folder.iterdir() if file.is_file() and _is_picture(file.name)]
    except OSError as error:
        raise unreadable(folder, error) from error
    if not files:
        raise MediaError(f"folder {folder} holds no images; give one with e.g. .jpg or .png files")
    return [Picture(file) for file in sorted(files, key=lambda file: natural_key(file.name))]


def _of_zip(path: Path) -> list[Picture]:
    with _archive(path) as archive:
        members = [
            info.filename
            for info in archive.infolist()
            if not info.is_dir() and _is_picture(Path(info.filename).name) and "__MACOSX" not in info.filename
        ]
    if not members:
        raise MediaError(f"{path} holds no images; give a zip of e.g. .jpg or .png files")
    return [Picture(path, member) for member in sorted(members, key=natural_key)]


def _is_picture(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")


def _take_out(picture: Picture, file: Path) -> None:
    """One member to a file whose name the archive has no say in."""
    with _archive(picture.path) as archive, archive.open(picture.member) as source, file.open("wb") as sink:
        while chunk := source.read(_CHUNK):
            sink.write(chunk)
            if sink.tell() > _LARGEST_MEMBER:
                raise MediaError(f"{picture} is larger than {_LARGEST_MEMBER >> 30} GiB; unzip it yourself")


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except _ARCHIVE_DAMAGE as error:
        raise MediaError(f"{path} is damaged, or has a password ({error}); unzip it") from error

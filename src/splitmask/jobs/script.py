"""What the person said: words of the command line, or a prompts file → objects and their prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from splitmask.effects.palette import color_of
from splitmask.errors import PromptError, ResultError
from splitmask.media import read_mask
from splitmask.result import ObjectInfo, PromptRecord, load_prompts, load_result
from splitmask.types import Prompt

Words = Sequence[tuple[str, str]]  # (flag, value) in order, e.g. ("--point", "10,20")

_FORMS = {
    "--point": "X,Y, or X,Y,0 for what is not the object",
    "--box": "X0,Y0,X1,Y1",
    "--frame": "a number, counted from 0",
}


@dataclass(slots=True)
class Said:
    """All that was said of one object on one frame. A mask may still be a file."""

    frame: int
    object_id: int
    points: list[tuple[float, float]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    box: tuple[float, ...] | None = None
    mask_file: Path | None = None
    record: PromptRecord | None = None  # what a prompts file said before

    def prompts(self, size: tuple[int, int]) -> list[Prompt]:
        """For a frame of (H, W), in order. Raises PromptError or MediaError for a mask that does not fit."""
        found = [] if self.record is None else [self.record.to_prompt()]
        if self.mask_file is not None:
            found.append(Prompt(mask=read_mask(self.mask_file, size)))
        if self.points or self.box is not None:
            points = np.array(self.points, np.float32).reshape(-1, 2)
            box = None if self.box is None else np.array(self.box, np.float32)
            found.append(Prompt(points, np.array(self.labels, np.int32), box))
        return found


@dataclass(frozen=True, slots=True)
class Script:
    """Objects in the order in which they were named, and what was said of them."""

    objects: tuple[ObjectInfo, ...]
    said: tuple[Said, ...]


class _Reader:
    """Goes through the words, holding the object and frame that the next prompt is about."""

    def __init__(self, first_frame: int) -> None:
        self.names: dict[int, str] = {}
        self.said: dict[tuple[int, int], Said] = {}
        self._first_frame = first_frame
        self._frame = first_frame
        self._object: int | None = None
        self._unused: str | None = None  # an --object or --frame that no prompt followed

    def read_file(self, path: Path) -> None:
        """Takes the prompts of a `result.json` or `{version, prompts}`."""
        try:
            self.names = {item.id: item.name for item in load_result(path).objects}
        except ResultError:  # bare prompts have no names; what is wrong with the file comes up next
            self.names = {}
        records = load_prompts(path)
        if not records:
            raise PromptError(f"{path} holds no prompts: say what to track with --point, --box or --mask")
        for record in records:
            self.names.setdefault(record.object_id, f"object {record.object_id}")
            self._at(record.frame, record.object_id).record = record

    def read(self, words: Words) -> None:
        taken = {int(value) for flag, value in words if flag == "--object" and value.isdecimal()}
        for flag, value in words:
            if flag == "--object":
                self._object, self._unused = self._object_id(value, taken), f"--object {value}"
            elif flag == "--frame":
                self._frame, self._unused = _integer(flag, value), f"--frame {value}"
            else:
                self._prompt(flag, value)
                self._unused = None
        if self._unused:
            raise PromptError(
                f"{self._unused}: no prompt follows it; put it before its --point, --box or --mask"
            )

    def _prompt(self, flag: str, value: str) -> None:
        if self._object is None:
            self._object = min(self.names, default=1)
            self.names.setdefault(self._object, f"object {self._object}")
        said = self._at(self._frame, self._object)
        if flag == "--point":
            x, y, label = _point(value)
            said.points.append((x, y))
            said.labels.append(label)
        elif flag == "--box":
            said.box = _numbers(flag, value, 4)
        else:
            said.mask_file = Path(value).expanduser()

    def _object_id(self, value: str, taken: set[int]) -> int:
        if value.isdecimal():
            self.names.setdefault(int(value), f"object {int(value)}")
            return int(value)
        if not value:
            raise PromptError("--object: give a number or a name")
        for known, name in self.names.items():
            if name == value:
                return known
        new = next(
            n
            for n in range(1, 2 + len(self.names) + len(taken))
            if n not in self.names | dict.fromkeys(taken)
        )
        self.names[new] = value
        return new

    def _at(self, frame: int, object_id: int) -> Said:
        return self.said.setdefault((frame, object_id), Said(frame, object_id))


def understand(
    words: Words, file: Path | None = None, first_frame: int = 0, known: Sequence[ObjectInfo] = ()
) -> Script:
    """Prompts of a file, then those of the command line. Prompts without --frame are on `first_frame`.

    known: objects that are there already, to be named by the words.

    Raises PromptError: nothing was said, or a value is not of its form; ResultError for the file.
    """
    reader = _Reader(first_frame)
    reader.names = {info.id: info.name for info in known}
    if file is not None:
        reader.read_file(file)
    reader.read(words)
    if not reader.said:
        raise PromptError("say what the object is: --point X,Y (a click), --box X0,Y0,X1,Y1 or --mask FILE")
    made = {key: ObjectInfo(key, name, color_of(at)) for at, (key, name) in enumerate(reader.names.items())}
    objects = (made | {info.id: info for info in known}).values()
    return Script(tuple(objects), tuple(reader.said.values()))


def _point(value: str) -> tuple[float, float, int]:
    parts = _numbers("--point", value, 2, 3)
    if len(parts) == 3 and parts[2] not in (0, 1):
        raise _wrong("--point", value)
    return parts[0], parts[1], int(parts[2]) if len(parts) == 3 else 1


def _numbers(flag: str, value: str, *counts: int) -> tuple[float, ...]:
    try:
        parts = tuple(float(part) for part in value.split(","))
    except ValueError:
        raise _wrong(flag, value) from None
    if len(parts) not in counts:
        raise _wrong(flag, value)
    return parts


def _integer(flag: str, value: str) -> int:
    if not value.isdecimal():
        raise _wrong(flag, value)
    return int(value)


def _wrong(flag: str, value: str) -> PromptError:
    return PromptError(f"{flag} {value}: expected {_FORMS[flag]}")

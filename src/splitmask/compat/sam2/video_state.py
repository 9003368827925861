"""What a video predictor knows of one video: prompts, results and memories of each object.

In RAM: memories of prompted frames and of the few frames that a run can still attend to, and a pointer
a frame. Logits, and memories that may be wanted again for a correction, are in a file.
"""

from __future__ import annotations

import tempfile
import threading
import weakref
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from splitmask.compat.sam2.frames import VideoFrames
from splitmask.errors import OutputError
from splitmask.types import Features, FloatArray, Memory

MEMORIES_ON_DISK = 4 << 30  # bytes; a memory beyond them is made again from its frame


class Spool:
    """Tensors of one shape in an unnamed file. Room is used again when a `Kept` is dropped."""

    def __init__(self, limit: int | None = None) -> None:
        self._file = tempfile.TemporaryFile(prefix="splitmask-")  # noqa: SIM115 - lives as long as this
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self._free: list[int] = []
        self._slots = 0
        self._limit = limit

    def keep(self, tensor: Tensor) -> Kept | None:
        """None where the limit in bytes does not allow it. Raises OutputError if the disk is full."""
        data = tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
        with self._lock:
            if not self._free:
                if self._limit is not None and (self._slots + 1) * len(data) > self._limit:
                    return None
                self._free.append(self._slots)
                self._slots += 1
            slot = self._free.pop()
            try:
                self._file.seek(slot * len(data))
                self._file.write(data)
            except OSError as error:
                where = f"{tempfile.gettempdir()}: {error.strerror}"
                raise OutputError(f"cannot keep results in {where}; free some space") from error
        return Kept(self, slot, len(data), tensor.dtype, tensor.shape)

    def read(self, slot: int, size: int) -> bytearray:
        data = bytearray(size)
        with self._lock:
            self._file.seek(slot * size)
            self._file.readinto(data)
        return data

    def release(self, slot: int) -> None:
        with self._lock:
            self._free.append(slot)


@dataclass(slots=True, eq=False)
class Kept:
    """A tensor in a spool."""

    spool: Spool
    slot: int
    size: int
    dtype: torch.dtype
    shape: torch.Size

    def read(self) -> Tensor:
        """On the CPU."""
        return torch.frombuffer(self.spool.read(self.slot, self.size), dtype=self.dtype).view(self.shape)

    def __del__(self) -> None:
        self.spool.release(self.slot)


@dataclass(slots=True, eq=False)
class FrameOutput:
    """One object on one frame. `clicked`: it is remembered binarised, as what a person saw and approved."""

    logits: Kept  # (1, 1, M, M) float32
    pointer: FloatArray  # (c,)
    presence: float
    clicked: bool
    memory: Memory | None = None
    stored_memory: Kept | None = None


@dataclass(slots=True, eq=False)
class ObjectState:
    """One object. Frames with conditioning results are those that a person spoke of first; what is said
    since the last run is pending until the next one begins."""

    points: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)  # (1, n, 2), (1, n)
    masks: dict[int, Tensor] = field(default_factory=dict)  # (1, 1, S, S)
    cond: dict[int, FrameOutput] = field(default_factory=dict)
    non_cond: dict[int, FrameOutput] = field(default_factory=dict)
    pending_cond: dict[int, FrameOutput] = field(default_factory=dict)
    pending_non_cond: dict[int, FrameOutput] = field(default_factory=dict)
    tracked: dict[int, bool] = field(default_factory=dict)  # frame → whether in reverse
    held: set[int] = field(default_factory=set)  # frames of a run whose memories are in RAM

    def pending(self, is_cond: bool) -> dict[int, FrameOutput]:
        return self.pending_cond if is_cond else self.pending_non_cond

    def output(self, frame: int, is_cond: bool) -> FrameOutput | None:
        """The latest: what is pending, else the result of a run."""
        return self.pending(is_cond).get(frame) or self.result(frame)

    def result(self, frame: int) -> FrameOutput | None:
        return self.cond.get(frame) or self.non_cond.get(frame)


class InferenceState:
    """One video and the objects in it; what `init_state` returns.

    The official package has a dict here: the entries of it that say something of the video can be read
    by their names, e.g. `state["num_frames"]`.
    """

    _READABLE = ("images", "num_frames", "video_height", "video_width", "device", "storage_device", "obj_ids")

    def __init__(
        self, images: VideoFrames, device: torch.device, offload_video: bool, offload_state: bool
    ) -> None:
        self.images = images
        self.num_frames = len(images)
        self.video_height, self.video_width = images.height, images.width
        self.device = device
        self.offload_video_to_cpu = offload_video
        self.offload_state_to_cpu = offload_state
        self.storage_device = torch.device("cpu") if offload_state else device
        self.objects: dict[Any, ObjectState] = {}
        self.features: dict[int, Features] = {}
        self.lock = threading.RLock()
        self.resets = 0
        self._logits, self._memories = Spool(), Spool(MEMORIES_ON_DISK)

    @property
    def obj_ids(self) -> list[Any]:
        return list(self.objects)

    def __getitem__(self, key: str) -> Any:
        if key not in self._READABLE:
            raise KeyError(f"{key!r} cannot be read here; there are {', '.join(self._READABLE)}")
        return getattr(self, key)

    def keep(
        self, logits: Tensor, pointer: FloatArray, presence: float, clicked: bool, memory: Memory | None
    ) -> FrameOutput:
        """Logits (1, 1, M, M) and the rest, with the memory in RAM and in the file."""
        kept = self._logits.keep(logits)
        assert kept is not None
        output = FrameOutput(kept, pointer, presence, clicked)
        if memory is not None:
            self.hold(output, memory)
        return output

    def hold(self, output: FrameOutput, memory: Memory) -> None:
        output.memory = Memory(memory.map.to(self.storage_device))
        output.stored_memory = self._memories.keep(memory.map)

    def size(self) -> tuple[int, int]:
        return self.video_height, self.video_width

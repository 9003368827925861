"""An image session: encode once, then a mask at every click.

`predict` is SAM 2's official image predictor; the methods below it keep what has been said, feed each
mask into the next decoding, and undo, as somebody who clicks expects.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import numpy as np

from splitmask.engine.base import Engine
from splitmask.errors import PromptError
from splitmask.session.choice import (
    best_of_three,
    clamp_feedback,
    is_ambiguous,
    mask_prompt_logits,
    single_mask,
    square_mask,
)
from splitmask.session.prompts import check_prompt, merge_prompts, prompt_tokens, without_point
from splitmask.types import BoolArray, ByteArray, Decoded, Features, FloatArray, Mask, Prompt


@dataclass(frozen=True, slots=True, eq=False)
class _Turn:
    """What has been said by then, and what it gave."""

    prompt: Prompt = Prompt()  # noqa: RUF009 - frozen
    candidates: tuple[Mask, ...] = ()  # one, or the three readings of a first click
    chosen: int = 0

    @property
    def mask(self) -> Mask | None:
        return self.candidates[self.chosen] if self.candidates else None


class ImageSession:
    """One image, and one object on it at a time. Any thread may call any method.

    Each change gives the object's mask; None where nothing has been said. All raise PromptError if
    there is no image yet, or what is said does not fit it.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._features: Features | None = None
        self._size = (0, 0)
        self._turns = [_Turn()]
        self._undone: list[_Turn] = []
        self._lock = threading.RLock()

    def set_image(self, image: ByteArray) -> None:
        """Encodes an image, (H, W, 3) uint8 RGB, and forgets what was said of the one before."""
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise PromptError(f"the image is {image.dtype} {image.shape}: give uint8 (height, width, 3), RGB")
        self.set_features(self.engine.encode(image), (image.shape[0], image.shape[1]))

    def set_features(self, features: Features, size: tuple[int, int]) -> None:
        """Takes an image that was encoded before, or elsewhere. size: (H, W) of the image."""
        with self._lock:
            self._features, self._size = features, size
            self.clear()

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the image."""
        return self._size

    def predict(
        self, prompt: Prompt, *, multimask: bool = False, refine: FloatArray | None = None
    ) -> tuple[Mask, ...]:
        """Masks of a prompt, whatever was said before.

        multimask: the three readings, in the decoder's order, of a prompt that may mean several
        things; else one mask, the best of the three where the single one is unstable. A mask in the
        prompt goes in as logits beside points and box. refine: logits (M, M) of an earlier mask to
        start from instead, clamped to ±32.
        """
        with self._lock:
            decoded = self._decode(prompt, refine)
            return self._masks(decoded, (1, 2, 3) if multimask else (int(single_mask(decoded)[0]),))

    @property
    def prompt(self) -> Prompt:
        """All that has been said so far; empty if nothing."""
        return self._turns[-1].prompt

    @property
    def mask(self) -> Mask | None:
        """What it gives."""
        return self._turns[-1].mask

    @property
    def candidates(self) -> tuple[Mask, ...]:
        """The readings to choose from: three after a first click, else the one mask."""
        return self._turns[-1].candidates

    def add_point(self, x: float, y: float, label: int = 1) -> Mask | None:
        """A click at (x, y) in pixels; label 1: the object, 0: not the object."""
        return self._add(Prompt(np.array([[x, y]], np.float32), np.array([label], np.int32)))

    def add_box(self, x0: float, y0: float, x1: float, y1: float) -> Mask | None:
        """A box in pixels around the object, in place of an earlier one."""
        return self._add(Prompt(box=np.array([x0, y0, x1, y1], np.float32)))

    def set_mask(self, mask: BoolArray) -> Mask | None:
        """A rough mask (H, W) in place of all that was said; points and a box after it refine it."""
        return self._add(Prompt(mask=mask))

    def remove_point(self, index: int) -> Mask | None:
        """Takes one point back and decodes what is left of the prompt anew, not from the last mask."""
        with self._lock:
            prompt = without_point(self.prompt, index)
            return self._turn(_Turn() if prompt.is_empty else self._answer(prompt, None))

    def choose(self, index: int) -> Mask | None:
        """Takes another of the candidates, which the next click then refines."""
        with self._lock:
            if not 0 <= index < len(self.candidates):
                raise PromptError(f"there is no candidate {index}: there are {len(self.candidates)}")
            return self._turn(replace(self._turns[-1], chosen=index))

    def undo(self) -> Mask | None:
        """Back to before the last change."""
        with self._lock:
            if len(self._turns) > 1:
                self._undone.append(self._turns.pop())
            return self.mask

    def redo(self) -> Mask | None:
        """Forward again to what was undone."""
        with self._lock:
            if self._undone:
                self._turns.append(self._undone.pop())
            return self.mask

    def clear(self) -> None:
        """Forgets all that was said, for the next object; the image stays."""
        with self._lock:
            self._turns = [_Turn()]
            self._undone.clear()

    def _add(self, new: Prompt) -> Mask | None:
        with self._lock:
            self._encoded()
            prompt = merge_prompts(self.prompt, check_prompt(new, self._size))
            before = None if new.mask is not None or self.mask is None else self.mask.logits
            return self._turn(self._answer(prompt, before))

    def _answer(self, prompt: Prompt, before: FloatArray | None) -> _Turn:
        """A first click may mean several things: the best of three readings, the others to choose."""
        decoded = self._decode(prompt, before)
        points = len(prompt.points) + (0 if prompt.box is None else 2)
        if before is None and prompt.mask is None and is_ambiguous(points):
            return _Turn(prompt, self._masks(decoded, (1, 2, 3)), int(best_of_three(decoded.ious)[0]) - 1)
        return _Turn(prompt, self._masks(decoded, (int(single_mask(decoded)[0]),)))

    def _turn(self, turn: _Turn) -> Mask | None:
        self._turns.append(turn)
        self._undone.clear()
        return turn.mask

    def _decode(self, prompt: Prompt, before: FloatArray | None) -> Decoded:
        features = self._encoded()
        prompt = check_prompt(prompt, self._size)
        side = self.engine.preset.image_size
        points, labels = prompt_tokens(prompt, self._size, side)
        if before is None and prompt.mask is not None:
            before = mask_prompt_logits(square_mask(prompt.mask, side))
        fed = None if before is None else clamp_feedback(before)
        return self.engine.decode(features, points, labels, fed)

    def _masks(self, decoded: Decoded, tokens: tuple[int, ...]) -> tuple[Mask, ...]:
        presence = float(decoded.presence[0])
        return tuple(
            Mask(decoded.masks[0, token], float(decoded.ious[0, token]), presence, self._size)
            for token in tokens
        )

    def _encoded(self) -> Features:
        if self._features is None:
            raise PromptError("there is no image yet: call set_image first")
        return self._features

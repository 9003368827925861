"""One scene through the model as a session would run it: prompt, click again, then follow.

Frame 0 is prompted by clicks, a box or a mask; later frames recall what was remembered and may be
corrected by a click. With one frame this is interactive segmentation training (SAM), with several it
is SAM 2's. The policy is that of `splitmask.session`, over tensors that carry gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from splitmask.model import Sam2
from splitmask.train.losses import decode_loss, enlarged, presence_loss, seen
from splitmask.train.targets import Objects, boxes, click

Start = Literal["point", "box", "mask"]
# How much goes through torch.compile: `encode` takes one minute and brings most, `all` takes four.
Compile = Literal["none", "encode", "all"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens in one step; the same for the whole batch, so that shapes are."""

    start: Start = "point"
    rounds: int = 1  # prompts given on frame 0
    correct: tuple[int, ...] = ()  # later frames that get one click more
    keep_mask: bool = True  # feed the previous logits back with the next click


@dataclass(slots=True)
class Verbs:
    """The model's verbs and what is done between them, compiled or not."""

    encode: Callable[..., tuple[Tensor, Tensor, Tensor]]
    decode: Callable[..., tuple[Tensor, Tensor, Tensor, Tensor]]
    remember: Callable[..., Tensor]
    recall: Callable[..., Tensor]
    loss: Callable[..., tuple[Tensor, Tensor]] = decode_loss
    click: Callable[..., tuple[Tensor, Tensor]] = click

    @classmethod
    def of(cls, model: Sam2, compiled: Compile, rim_weight: float = 0.0) -> Verbs:
        """rim_weight: as in `losses.focal`."""
        encode = model.encode if compiled == "none" else torch.compile(model.encode)
        loss = partial(decode_loss, rim_weight=rim_weight)
        if compiled != "all":
            return cls(encode, model.decode, model.remember, model.recall, loss)
        return cls(
            encode,
            _compiled(model.decode, varying=(3, 4)),  # points and labels
            # a few large operations each: compiling them costs more than it saves
            model.remember,
            model.recall,
            _compiled(loss),
            _compiled(click),
        )


# with it, torch 2.11 fails on a decoder that is first called with one point and any number of objects
_OPTIONS: dict[str, Any] = {"triton.coalesce_tiling_analysis": False}


def _compiled(function: Callable[..., Any], varying: tuple[int, ...] = ()) -> Callable[..., Any]:
    """Compiled once for any number of objects and, in the arguments named, of points."""
    fast = torch.compile(function, options=_OPTIONS)

    def call(*args: Any, **kwargs: Any) -> Any:
        for i, arg in enumerate(args):
            if isinstance(arg, Tensor) and arg.ndim:
                for dim in (0, 1) if i in varying else (0,):
                    torch._dynamo.maybe_mark_dynamic(arg, dim)
        return fast(*args, **kwargs)

    return call


@dataclass(slots=True)
class Outcome:
    loss: Tensor
    scores: dict[str, Tensor] = field(default_factory=dict)  # mean IoU, detached, on the device
    logits: list[Tensor] = field(default_factory=list)  # per frame (n, 1, M, M), detached


class Rollout:
    """Runs plans over scenes. images (b, t, 3, S, S), normalised."""

    def __init__(self, model: Sam2, verbs: Verbs, divisor: float = 15.0) -> None:
        self.model, self.verbs, self.divisor = model, verbs, divisor
        self._constants: dict[tuple[float, ...], Tensor] = {}

    def _constant(self, values: list[float], device: torch.device) -> Tensor:
        """A vector that is copied to the device once: a recorded step cannot copy."""
        key = tuple(values)
        if key not in self._constants:
            self._constants[key] = torch.tensor(values, device=device)
        return self._constants[key]

    def __call__(self, images: Tensor, objects: Objects, plan: Plan) -> Outcome:
        b, t = images.shape[:2]
        flat = images.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        maps = [x.reshape(b, t, *x.shape[1:]) for x in self.verbs.encode(flat)]
        outcome = Outcome(images.new_zeros((), dtype=torch.float32))
        memories: list[tuple[int, bool, Tensor]] = []
        pointers: list[tuple[int, Tensor]] = []
        for i in range(t):
            hr0, hr1, embed = (x[:, i][objects.scene] for x in maps)
            target, prompted = objects.masks[:, i], i == 0
            if prompted:
                logits, pointer, presence = self._prompt(embed, (hr0, hr1), target, objects, plan, outcome)
            else:
                recalled = self._recall(embed, i, memories, pointers)
                logits, pointer, presence, prompted = self._follow(
                    recalled, (hr0, hr1), target, objects, plan, outcome, i
                )
            outcome.logits.append(logits.detach())
            if i + 1 < t:
                hard = torch.full((len(logits),), float(prompted), device=logits.device)
                memory = self.verbs.remember(embed, logits, hard, presence)
                memories.append((i, prompted, memory))
                pointers.append((i, pointer))
        outcome.loss = outcome.loss / t
        return outcome

    def _recall(
        self,
        embed: Tensor,
        now: int,
        memories: list[tuple[int, bool, Tensor]],
        pointers: list[tuple[int, Tensor]],
    ) -> Tensor:
        # slots and pointers as `session.memory_bank.select` chooses them
        n, slots = len(embed), self.model.preset.num_memories
        chosen = [(m, 0) for _, p, m in memories if p]
        chosen += [(m, now - i) for i, p, m in memories if not p and now - i < slots]
        stack = torch.stack([m for m, _ in chosen], dim=1)
        slot = self._constant([float(k) for _, k in chosen], embed.device)
        tpos = (slot[:, None] == torch.arange(slots, device=embed.device)).float()
        reach = self.model.preset.max_pointers
        prompted = {i for i, p, _ in memories if p}
        kept = [(i, pointer) for i, pointer in pointers if i in prompted or now - i < reach]
        dt = self._constant([(now - i) / self.divisor for i, _ in kept], embed.device)
        return self.verbs.recall(
            embed, stack, tpos.expand(n, -1, -1), None,
            torch.stack([p for _, p in kept], dim=1), dt.expand(n, -1), None,
        )  # fmt: skip

    def _judge(
        self, masks: Tensor, ious: Tensor, presence: Tensor, objects: Objects, frame: int, first: bool
    ) -> tuple[Tensor, Tensor]:
        wanted = objects.wanted(frame)
        return self.verbs.loss(enlarged(masks, wanted), ious, presence, wanted, objects.valid, first)

    def _settle(
        self, masks: Tensor, ious: Tensor, presence: Tensor, pointers: Tensor, first: bool
    ) -> tuple[Tensor, Tensor]:
        """What inference would show: logits (n, 1, M, M), and the pointer (n, c), absence applied."""
        at = torch.arange(len(masks), device=masks.device)
        best = ious[:, 1:].argmax(dim=1) + 1 if first else torch.zeros_like(at)
        there = (presence > 0).to(masks.dtype)
        logits = masks[at, best][:, None].float()
        logits = torch.where(there[:, :, None, None] > 0, logits, torch.full_like(logits, -1024.0))
        return logits, there * pointers[at, best] + (1 - there) * self.model.no_obj_ptr

    def _prompt(
        self, embed: Tensor, high: tuple[Tensor, Tensor], target: Tensor, objects: Objects, plan: Plan,
        outcome: Outcome,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        if plan.start == "mask":
            return self._mask_prompt(embed, high, target, objects, outcome)
        n = len(target)
        if plan.start == "box":
            points, labels = boxes(target)
        else:
            point, label = self.verbs.click(target, torch.zeros_like(target))
            points, labels = point[:, None], label[:, None]
        logits = torch.zeros_like(target)
        has = torch.zeros(n, device=target.device)
        for r in range(plan.rounds):
            first = points.shape[1] == 1
            masks, ious, presence, pointers = self.verbs.decode(embed, *high, points, labels, logits, has)
            loss, score = self._judge(masks, ious, presence, objects, 0, first)
            outcome.loss = outcome.loss + loss / plan.rounds
            outcome.scores[f"{plan.start}{r + 1}"] = score
            shown, pointer = self._settle(masks, ious, presence, pointers, first)
            if r + 1 < plan.rounds:
                with torch.no_grad():
                    point, label = self.verbs.click(target, (shown > 0).float())
                points = torch.cat((points, point[:, None]), dim=1)
                labels = torch.cat((labels, label[:, None]), dim=1)
                logits = shown.detach().clamp(-32, 32)
                has = torch.full((n,), float(plan.keep_mask), device=target.device)
        return shown, pointer, presence

    def _mask_prompt(
        self, embed: Tensor, high: tuple[Tensor, Tensor], target: Tensor, objects: Objects, outcome: Outcome
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The mask is its own output; its pointer comes from the features without `no_mem_embed`.

        The pointer counts only where that decoding sees the object, so it is taught to.
        """
        n, model = len(target), self.model
        square = F.interpolate(target, scale_factor=4.0, mode="nearest").gt(0.5).to(target.dtype)
        bare = embed - model.no_mem_embed.reshape(1, -1, 1, 1)
        points = torch.zeros(n, 1, 2, device=target.device)
        labels = -torch.ones(n, 1, device=target.device)
        has = torch.ones(n, device=target.device)
        given = model.mask_downsample(square).float()  # as logits are: what is compiled has one kind less
        decoded = self.verbs.decode(bare, *high, points, labels, given, has)
        outcome.loss = outcome.loss + presence_loss(decoded[2], target, objects.valid)
        shown = seen(target)[:, None]
        there = shown * (decoded[2] > 0)
        pointer = there * decoded[3][:, 0] + (1 - there) * model.no_obj_ptr
        return target.gt(0.5).float() * 20 - 10, pointer, shown * 20 - 10

    def _follow(
        self, embed: Tensor, high: tuple[Tensor, Tensor], target: Tensor, objects: Objects, plan: Plan,
        outcome: Outcome, frame: int,
    ) -> tuple[Tensor, Tensor, Tensor, bool]:  # fmt: skip
        n = len(target)
        points = torch.zeros(n, 1, 2, device=target.device)
        labels, has = -torch.ones(n, 1, device=target.device), torch.zeros(n, device=target.device)
        masks, ious, presence, pointers = self.verbs.decode(
            embed, *high, points, labels, torch.zeros_like(target), has
        )
        loss, score = self._judge(masks, ious, presence, objects, frame, first=True)
        outcome.loss = outcome.loss + loss
        outcome.scores[f"track{frame}"] = score
        shown, pointer = self._settle(masks, ious, presence, pointers, first=True)
        if frame not in plan.correct:
            return shown, pointer, presence, False
        with torch.no_grad():
            point, label = self.verbs.click(target, (shown > 0).float())
            # nothing to click on where the object is out of view: no point
            label = torch.where(seen(target) > 0, label, -torch.ones_like(label))
        fed = shown.detach().clamp(-32, 32)
        decoded = self.verbs.decode(embed, *high, point[:, None], label[:, None], fed, torch.ones_like(has))
        loss, score = self._judge(*decoded[:3], objects, frame, first=True)
        outcome.loss = outcome.loss + loss
        outcome.scores["corrected"] = score
        shown, pointer = self._settle(*decoded, first=True)
        return shown, pointer, decoded[2], True

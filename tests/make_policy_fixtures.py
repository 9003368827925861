"""Writes fixtures/policy/*.json: what the session policy has to answer, for pytest and vitest alike.

The answers come from `policy_reference`, a plain re-statement of the rules, written for reading, not
for speed, that shares no code with `splitmask.session`. Run this after a rule has changed on purpose:

    python tests/make_policy_fixtures.py
"""

from __future__ import annotations

import json
from pathlib import Path

from policy_reference.choice import choice_cases
from policy_reference.common import Case
from policy_reference.memory import memory_cases
from policy_reference.prompts import mask_prompt_cases, prompt_cases
from policy_reference.runs import run_cases, stale_cases

OUT = Path(__file__).parent.parent / "fixtures" / "policy"

ABOUT = {
    "memory": "What an object attends to on `frame`. tracked, and all ranges, are half-open. memories: "
    "[frame, slot], prompted frames (slot 0) ascending, then the others, the earliest passed first. "
    "pointers: [frame, divided time], prompted frames ascending, then the others, the latest passed "
    "first. frames: the clip's length, null if unknown.",
    "choice": "Which of the four masks is taken, and whose pointer (null: no_obj_ptr). points counts box "
    "corners, too.",
    "stale": "Frames whose masks a changed prompt on `frame` overtakes, for a run forward and in reverse; "
    "`prompted` is what is prompted after the change.",
    "run": "Frames of one object that a run over start … stop (stop left out) works on, one after the "
    "other, and what is stale after it.",
    "prompts": "Prompts in pixels → tokens in the model's square; `wrong` ones are refused.",
    "mask_prompt": "A mask prompt in a video: `#` is the object. square: S×S, logits: what it is as an "
    "output, pointerMaskInput: what its pointer is decoded with.",
}


def write(name: str, content: Case) -> None:
    text = json.dumps({"about": ABOUT[name], **content}, ensure_ascii=False, separators=(",", ":"))
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.json").write_text(text.replace('{"name"', '\n{"name"') + "\n", encoding="utf-8")


def main() -> None:
    write("memory", {"cases": memory_cases()})
    write("choice", {"cases": choice_cases()})
    write("stale", {"cases": stale_cases()})
    write("run", {"cases": run_cases()})
    write("prompts", prompt_cases())
    write("mask_prompt", {"cases": mask_prompt_cases()})


if __name__ == "__main__":
    main()

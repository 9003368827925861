"""Objects of a clip, followed: clicks, a correction later on, another object, backwards.

    python examples/sam2_video.py
    python examples/sam2_video.py frames/ --point 210,350 --other 400,150 \
        --config configs/sam2.1/sam2.1_hiera_l.yaml --checkpoint sam2.1_hiera_large.pt

The clip is a folder of JPEG frames, or, as splitmask has no need of frames, a video file. With the official
package the import below reads `from sam2.…`, and nothing else differs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from shared import CLICK, frames, options, save

from splitmask.compat.sam2.build_sam import build_sam2_video_predictor

FIRST, SECOND = 1, 2  # ids are yours to choose


def numbers(text: str) -> np.ndarray:
    return np.array([float(number) for number in text.split(",")], dtype=np.float32)


def main(words: list[str] | None = None) -> None:
    parser = options(__doc__ or "", "a folder of JPEG frames, or a video file")
    parser.add_argument("--point", type=numbers, default=numbers(f"{CLICK[2][0]},{CLICK[2][1]}"))
    parser.add_argument("--other", type=numbers, default=numbers(f"{CLICK[1][0]},{CLICK[1][1]}"))
    parser.add_argument("--length", type=int, default=24, help="of the drawn clip")
    given = parser.parse_args(words)

    clip = frames(given.source, given.out / "frames", given.length)
    predictor = build_sam2_video_predictor(given.config, given.checkpoint, device=given.device)
    state = predictor.init_state(video_path=str(clip))

    # one click; then a second one on the same frame, added to the first
    first = {"frame_idx": 0, "obj_id": FIRST}
    one = np.array([1], np.int32)
    predictor.add_new_points_or_box(state, **first, points=given.point[None], labels=one)
    _, ids, masks = predictor.add_new_points_or_box(
        state, **first, points=np.array([[2, 2]], np.float32), labels=0 * one, clear_old_points=False
    )
    print(f"frame 0: {area(masks[0])} pixels")
    followed = {t: masks for t, _, masks in predictor.propagate_in_video(state)}
    print(f"object {ids[0]}: followed through {len(followed)} frames")

    # where it went wrong, say so: on a frame that was tracked, a click corrects the mask there
    # (here where least of it was found, on what was found; where nothing was, it may well be out of sight)
    areas = {t: area(masks[0]) for t, masks in followed.items() if t > 0 and area(masks[0])}
    if areas:
        worst = min(areas, key=areas.__getitem__)
        found = (followed[worst][0, 0] > 0).nonzero()
        point = found[len(found) // 2].flip(0)[None].float().cpu().numpy()
        _, _, masks = predictor.add_new_points_or_box(state, worst, FIRST, points=point, labels=one)
        print(f"frame {worst} corrected: {areas[worst]} → {area(masks[0])} pixels")
    else:
        print("nothing to correct: it was not found after frame 0")

    # a further object begins on frame 0, and both are followed together
    predictor.reset_state(state)
    predictor.add_new_points_or_box(state, **first, points=given.point[None], labels=one)
    predictor.add_new_points_or_box(state, 0, SECOND, points=given.other[None], labels=one)
    segments = {
        t: {obj_id: (mask[0] > 0).cpu().numpy() for obj_id, mask in zip(obj_ids, masks, strict=True)}
        for t, obj_ids, masks in predictor.propagate_in_video(state)
    }
    backwards = predictor.propagate_in_video(state, start_frame_idx=max(segments), reverse=True)
    print(f"two objects: {len(segments)} frames, and {sum(1 for _ in backwards)} backwards")
    show(clip, segments, given.out)


def area(mask: torch.Tensor) -> int:
    return int((mask > 0).sum())


def show(clip: Path, segments: dict[int, dict[int, np.ndarray]], out: Path) -> None:
    """Three frames with their masks, where the clip is a folder."""
    pictures = sorted(clip.glob("*.jpg"), key=lambda path: int(path.stem)) if clip.is_dir() else []
    for t in sorted({0, len(pictures) // 2, len(pictures) - 1}) if pictures else ():
        image = np.array(Image.open(pictures[t]).convert("RGB"))
        save(out / f"frame-{t:05d}.png", image, list(segments[t].values()))


if __name__ == "__main__":
    main()

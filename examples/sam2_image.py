"""Masks of one picture: a click, a second click, a box, several boxes at once, several pictures at once.

    python examples/sam2_image.py
    python examples/sam2_image.py photo.jpg --point 530,360 --box 400,250,700,500 \
        --config configs/sam2.1/sam2.1_hiera_l.yaml --checkpoint sam2.1_hiera_large.pt

With the official package the two imports below read `from sam2.…`, and nothing else differs.
"""

from __future__ import annotations

import numpy as np
from shared import CLICK, options, picture, save

from splitmask.compat.sam2.build_sam import build_sam2
from splitmask.compat.sam2.sam2_image_predictor import SAM2ImagePredictor


def numbers(text: str) -> np.ndarray:
    return np.array([float(number) for number in text.split(",")])


def main(words: list[str] | None = None) -> None:
    parser = options(__doc__ or "", "a picture")
    x, y = CLICK[2]
    parser.add_argument("--point", type=numbers, default=np.array([x, y]), metavar="X,Y")
    parser.add_argument("--box", type=numbers, default=np.array([96, 40, 203, 190]), metavar="X0,Y0,X1,Y1")
    given = parser.parse_args(words)

    image = picture(given.source)
    predictor = SAM2ImagePredictor(build_sam2(given.config, given.checkpoint, device=given.device))
    predictor.set_image(image)

    # a click may mean the whole, a part or a part of the part: three masks, each with a score
    point, label = given.point[None], np.array([1])
    masks, scores, logits = predictor.predict(point_coords=point, point_labels=label)
    best = int(scores.argmax())
    print("a click:", ", ".join(f"{score:.3f}" for score in scores))
    save(given.out / "click.png", image, [masks[best] > 0])

    # further clicks: 1 for what belongs to it, here high up in the box, 0 for what does not; the first mask
    # goes in again
    x0, y0, x1, y1 = given.box
    high, corner = [(x0 + x1) / 2, y0 + (y1 - y0) / 5], [2.0, 2.0]
    masks, scores, _ = predictor.predict(
        point_coords=np.concatenate((point, [high, corner])),
        point_labels=np.array([1, 1, 0]),
        mask_input=logits[best][None],
        multimask_output=False,
    )
    print(f"and two more: {scores[0]:.3f}")
    save(given.out / "clicks.png", image, [masks[0] > 0])

    # boxes (4,) or (n, 4); with several, masks are (n, 1, H, W)
    boxes = np.stack((given.box, given.box + np.array([4, 4, -4, -4])))
    masks, scores, _ = predictor.predict(box=given.box, multimask_output=False)
    print(f"a box: {scores[0]:.3f}")
    save(given.out / "box.png", image, [masks[0] > 0])
    masks, scores, _ = predictor.predict(box=boxes, multimask_output=False)
    print("two boxes:", masks.shape, ", ".join(f"{score:.3f}" for score in scores[:, 0]))

    # several pictures, each with its own prompts
    predictor.set_image_batch([image, np.ascontiguousarray(image[:, ::-1])])
    mirrored = point * np.array([-1, 1]) + np.array([image.shape[1] - 1, 0])
    batch, scores_of, _ = predictor.predict_batch([point, mirrored], [label, label], multimask_output=False)
    print("two pictures:", ", ".join(f"{float(scores[0]):.3f}" for scores in scores_of))
    save(given.out / "mirrored.png", image[:, ::-1], [batch[1][0] > 0])


if __name__ == "__main__":
    main()

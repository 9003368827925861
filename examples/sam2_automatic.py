"""Masks of everything in a picture.

    python examples/sam2_automatic.py
    python examples/sam2_automatic.py photo.jpg \
        --config configs/sam2.1/sam2.1_hiera_l.yaml --checkpoint sam2.1_hiera_large.pt \
        --iou 0.8 --stability 0.95 --points-per-side 32

The thresholds are nano's by default; those in the second line are the official ones. With the official
package the two imports below read `from sam2.…`, and nothing else differs.
"""

from __future__ import annotations

import json
from typing import Any

from shared import options, picture, save

from splitmask.compat.sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator
from splitmask.compat.sam2.build_sam import build_sam2


def main(words: list[str] | None = None) -> None:
    parser = options(__doc__ or "", "a picture")
    parser.add_argument("--points-per-side", type=int, default=16)
    parser.add_argument("--iou", type=float, default=0.6, help="that the model has to predict")
    parser.add_argument("--stability", type=float, default=0.8, help="of the mask when its cut moves")
    given = parser.parse_args(words)

    image = picture(given.source)
    model = build_sam2(given.config, given.checkpoint, device=given.device, apply_postprocessing=False)
    chosen = {
        "points_per_side": given.points_per_side,
        "pred_iou_thresh": given.iou,
        "stability_score_thresh": given.stability,
    }
    found = SAM2AutomaticMaskGenerator(model, **chosen).generate(image)
    print(f"{len(found)} masks")
    largest = sorted(found, key=lambda each: each["area"], reverse=True)
    save(given.out / "everything.png", image, [each["segmentation"] for each in largest])

    # again on four crops for what is small, each mask refined, small holes and islands removed
    thorough = SAM2AutomaticMaskGenerator(
        model,
        **chosen,
        points_per_batch=128,
        stability_score_offset=0.7,
        crop_n_layers=1,
        crop_n_points_downscale_factor=2,
        box_nms_thresh=0.7,
        min_mask_region_area=25,
        use_m2m=True,
        output_mode="uncompressed_rle",
    )
    found = thorough.generate(image)
    print(f"{len(found)} masks with crops")
    write(found, given.out / "everything.json")


def write(found: list[dict[str, Any]], path: Any) -> None:
    path.write_text(json.dumps(found), "utf-8")
    print(f"→ {path}")


if __name__ == "__main__":
    main()

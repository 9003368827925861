"""The public names of the `sam2` package (Ravi et al. 2024), with the same arguments and results.

Modules keep their official names too: `from splitmask.compat.sam2.build_sam import build_sam2`.
"""

from splitmask.compat.sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator
from splitmask.compat.sam2.build_sam import (
    build_sam2,
    build_sam2_hf,
    build_sam2_video_predictor,
    build_sam2_video_predictor_hf,
)
from splitmask.compat.sam2.sam2_image_predictor import SAM2ImagePredictor
from splitmask.compat.sam2.sam2_video_predictor import SAM2VideoPredictor

__all__ = [
    "SAM2AutomaticMaskGenerator",
    "SAM2ImagePredictor",
    "SAM2VideoPredictor",
    "build_sam2",
    "build_sam2_hf",
    "build_sam2_video_predictor",
    "build_sam2_video_predictor_hf",
]

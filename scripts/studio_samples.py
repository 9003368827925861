"""Makes what the studio comes with: a clip to try, and pictures that are encoded already.

    python scripts/studio_samples.py web/public/samples

All of it is rendered by splitmask's own demo. What is there already stays, unless the model has changed.
"""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import Image

from splitmask import engine as engines
from splitmask.bundle import Origin, of_image
from splitmask.demo.run import render
from splitmask.demo.scene import Scene
from splitmask.engine import Engine
from splitmask.files import write_bytes
from splitmask.types import ByteArray

CLIP = "meadow.mp4"
INDEX = "index.json"
PREVIEW_WIDTH = 480

# name, title, about, scene, frame
PICTURES = (
    ("balloon", "Balloon over hills", "One click on the balloon, or on the ball.", Scene(1280, 720), 8),
    (
        "tree",
        "Behind the tree",
        "Half hidden: exclude the trunk with a right click.",
        Scene(1280, 720, seed=5),
        52,
    ),
)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    engine = engines.load("nano")
    if _model(folder) == engine.weights_sha256 and (folder / CLIP).exists():
        return
    scene = Scene(960, 540)
    render(scene, folder / CLIP, lambda: None)
    entries = [_picture(engine, folder, *each) for each in PICTURES]
    seconds = Fraction(scene.length, scene.fps)
    index = {
        "weightsSha256": engine.weights_sha256,
        "clips": [{"file": CLIP, "title": "Meadow", "about": f"{float(seconds):g} s, 960 × 540, rendered."}],
        "bundles": entries,
    }
    write_bytes(folder / INDEX, json.dumps(index, indent=1).encode())


def _model(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / INDEX).read_text())["weightsSha256"])
    except (OSError, ValueError, KeyError):
        return None


def _picture(
    engine: Engine, folder: Path, name: str, title: str, about: str, scene: Scene, frame: int
) -> dict[str, Any]:
    image: ByteArray = next(shot.image for shot in scene.shots() if shot.index == frame)
    of_image(engine, image, Origin(f"{name}.png", "", None)).save(folder / f"{name}.zip")
    small = Image.fromarray(image)
    small.thumbnail((PREVIEW_WIDTH, PREVIEW_WIDTH))
    small.save(folder / f"{name}.jpg", quality=88)
    return {"file": f"{name}.zip", "preview": f"{name}.jpg", "title": title, "about": about}


if __name__ == "__main__":
    main(Path(sys.argv[1]))

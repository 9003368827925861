"""Small data sets in every layout, drawn from one scene: two squares on noise, the second may move."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from splitmask.masks import rle
from splitmask.types import ByteArray

H, W = 40, 60


def picture(seed: int = 0) -> ByteArray:
    """(40, 60, 3): grey noise with a red and a blue rectangle where `labels(0)` says."""
    image = np.random.default_rng(seed).integers(90, 130, (H, W, 3), dtype=np.uint8)
    maps = labels(seed)
    image[maps == 1] = (200, 40, 40)
    image[maps == 2] = (40, 40, 200)
    return image


def labels(shift: int = 0) -> ByteArray:
    """(40, 60): object 1 at rows 5…14, columns 5…24; object 2 at rows 20…34, columns 30…49, moved right."""
    maps = np.zeros((H, W), np.uint8)
    maps[5:15, 5:25] = 1
    maps[20:35, 30 + shift : 50 + shift] = 2
    return maps


def write_picture(path: Path, image: ByteArray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    options = (
        {"quality": 95} if path.suffix == ".jpg" else {"lossless": True} if path.suffix == ".webp" else {}
    )
    Image.fromarray(image).save(path, **options)


def write_indexed(path: Path, maps: ByteArray) -> None:
    """As DAVIS has them: a palette picture whose index is the object."""
    path.parent.mkdir(parents=True, exist_ok=True)
    indexed = Image.frombytes("P", (maps.shape[1], maps.shape[0]), maps.tobytes())
    indexed.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0] + [0] * (256 - 3) * 3)
    indexed.save(path)


def packed(mask: ByteArray) -> dict[str, object]:
    return rle.encode(mask.astype(bool)).to_json()


def coco(root: Path, count: int = 3) -> Path:
    """Two annotations a picture (polygon, compressed RLE), a crowd, and one picture without any."""
    images, annotations = [], []
    for number in range(count):
        name = f"{number:012d}.jpg"
        write_picture(root / "train2017" / name, picture(number))
        images.append({"id": number, "file_name": name, "height": H, "width": W})
        if number == count - 1:
            continue
        polygon = [5, 5, 25, 5, 25, 15, 5, 15]
        rectangle = packed(labels(number) == 2)
        annotations += [
            {"id": 10 * number, "image_id": number, "iscrowd": 0, "segmentation": [polygon]},
            {"id": 10 * number + 1, "image_id": number, "iscrowd": 0, "segmentation": rectangle},
            {"id": 10 * number + 2, "image_id": number, "iscrowd": 1, "segmentation": packed(labels() == 0)},
        ]
    document = root / "annotations" / "instances_train2017.json"
    document.parent.mkdir(parents=True)
    document.write_text(json.dumps({"images": images, "annotations": annotations, "categories": []}))
    return document


def sa1b(root: Path, count: int = 2) -> None:
    """Masks that overlap: an object and its left half."""
    for number in range(count):
        maps = labels(number)
        half = maps == 1
        half[:, 15:] = False
        write_picture(root / f"sa_{number}.jpg", picture(number))
        annotations = [{"segmentation": packed(mask)} for mask in (maps == 1, half, maps == 2)]
        image = {"image_id": number, "height": H, "width": W, "file_name": f"sa_{number}.jpg"}
        (root / f"sa_{number}.json").write_text(json.dumps({"image": image, "annotations": annotations}))


def davis(root: Path, sequences: Sequence[str] = ("bear", "train"), frames: int = 5) -> None:
    for sequence in sequences:
        for index in range(frames):
            write_picture(root / "JPEGImages" / "480p" / sequence / f"{index:05d}.jpg", picture(index))
            write_indexed(root / "Annotations" / "480p" / sequence / f"{index:05d}.png", labels(index))
    for year, sequence in (("2016", sequences[0]), ("2017", sequences[-1])):
        listing = root / "ImageSets" / year / "val.txt"
        listing.parent.mkdir(parents=True)
        listing.write_text(f"{sequence}\n")


def vos(root: Path, clips: Sequence[str] = ("0a1b", "2c3d"), frames: int = 6, every: int = 5) -> None:
    """YouTube-VOS: pictures at every frame, annotations at every fifth."""
    for clip in clips:
        for index in range(frames):
            write_picture(root / "train" / "JPEGImages" / clip / f"{index:05d}.jpg", picture(index))
            if index % every == 0:
                write_indexed(root / "train" / "Annotations" / clip / f"{index:05d}.png", labels(index))


def sav_frames(root: Path, frames: int = 9) -> None:
    """SA-V val: one folder of binary masks per object; object 001 appears at frame 4."""
    for index in range(frames):
        write_picture(root / "JPEGImages_24fps" / "sav_000001" / f"{index:05d}.jpg", picture(index))
        if index % 4 == 0:
            folder = root / "Annotations_6fps" / "sav_000001"
            write_picture(folder / "000" / f"{index:05d}.png", (labels(index) == 1) * np.uint8(255))
            if index >= 4:
                write_picture(folder / "001" / f"{index:05d}.png", (labels(index) == 2) * np.uint8(255))


def write_video(path: Path, images: Sequence[ByteArray]) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = W, H, "yuv420p"
        stream.bit_rate = 4_000_000
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def sav_videos(root: Path, kind: str = "manual", frames: int = 9) -> None:
    """SA-V train: overlapping masklets as run lengths, every fourth frame."""
    root.mkdir(parents=True, exist_ok=True)
    write_video(root / "sav_000001.mp4", [picture(index) for index in range(frames)])
    masklet = [[packed(labels(index) == 1), packed(labels(index) > 0)] for index in range(0, frames, 4)]
    content = {
        "video_id": "sav_000001",
        "video_frame_count": float(frames),
        "video_height": float(H),
        "video_width": float(W),
        "masklet": masklet,
        "masklet_id": [0, 1],
    }
    (root / f"sav_000001_{kind}.json").write_text(json.dumps(content))


def project_files(root: Path) -> Path:
    """Folders human (stills), photo (unlabelled) and davis (a clip of four frames)."""
    for number in range(3):
        write_picture(root / "human" / f"human_{number}.webp", picture(number))
        write_picture(root / "human" / f"human_{number}.0.png", labels(number))
        write_picture(root / "human" / f"human_{number}.1.png", (labels(number) > 0).astype(np.uint8))
    write_picture(root / "photo" / "photo_n1.webp", picture())
    write_picture(root / "photo" / "photo_n1.0.png", np.zeros((8, 8), np.uint8))
    for index in range(4):
        visible = (labels(index) == 2).astype(np.uint8) * (index != 2)
        write_picture(root / "davis" / f"davis_bear_{index:05d}.webp", picture(index))
        write_picture(root / "davis" / f"davis_bear_{index:05d}.0.png", visible)
    return root


def tars_of(folder: Path, into: Path) -> Path:
    """Every folder of `folder` as a tar of the same name."""
    into.mkdir(parents=True)
    for kind in sorted(folder.iterdir()):
        with tarfile.open(into / f"{kind.name}.tar", "w") as archive:
            for path in sorted(kind.iterdir()):
                member = tarfile.TarInfo(path.name)
                member.size = path.stat().st_size
                archive.addfile(member, io.BytesIO(path.read_bytes()))
    return into

"""Looks at what the browser's tests took away, with Python and FFmpeg: prints facts as JSON.

python tests/check_web_exports.py KIND FILE …
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from splitmask.masks import rle
from splitmask.result import load_prompts, load_result


def pngs(path: Path) -> dict[str, Any]:
    """Each picture's mode, and its mask (above one half) as run lengths."""
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
        pictures = {name: Image.open(io.BytesIO(archive.read(name))) for name in archive.namelist()}
    masks = {name: np.asarray(each.getchannel(each.getbands()[-1])) for name, each in pictures.items()}
    return {
        "damaged": damaged,
        "modes": sorted({each.mode for each in pictures.values()}),
        "masks": {name: rle.encode(mask > 127).counts for name, mask in masks.items()},
        "levels": max(len(np.unique(mask)) for mask in masks.values()),
    }


def webm(path: Path) -> dict[str, Any]:
    """Of VP9 with alpha, read by libvpx: the mask of each frame."""
    frames = []
    with av.open(path) as container:
        stream = container.streams.video[0]
        decoder = av.CodecContext.create("libvpx-vp9", "r")
        for packet in container.demux(stream):
            frames += decoder.decode(packet)
        sound, tick = len(container.streams.audio), stream.time_base or 1
    alpha = [frame.to_ndarray(format="rgba")[..., 3] for frame in frames]
    return {
        "format": frames[0].format.name,
        "size": [frames[0].height, frames[0].width],
        "masks": [rle.encode(each > 127).counts for each in alpha],
        "times": [float(frame.pts * tick) for frame in frames if frame.pts is not None],
        "sound": sound,
    }


def mp4(path: Path) -> dict[str, Any]:
    """Codec, number of frames, sound, and the share of pixels that are not black in each frame."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        shares = [float((frame.to_ndarray(format="gray") > 24).mean()) for frame in container.decode(stream)]
        codec, sound = (
            stream.codec_context.name,
            [each.codec_context.name for each in container.streams.audio],
        )
        return {"codec": codec, "frames": len(shares), "shares": shares, "sound": sound}


def result(path: Path) -> dict[str, Any]:
    """A result.json from the tab as Python loads it, written out again by Python."""
    loaded = load_result(path)
    return {
        "frames": len(loaded.frames),
        "objects": [[item.id, item.name, item.color] for item in loaded.objects],
        "prompts": len(load_prompts(path)),
        "complete": loaded.complete,
        "again": loaded.to_json(),
    }


KINDS = {"png": pngs, "webm": webm, "mp4": mp4, "result": result}

if __name__ == "__main__":
    print(json.dumps(KINDS[sys.argv[1]](Path(sys.argv[2]))))

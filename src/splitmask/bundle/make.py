"""Pictures and sessions → bundles, and a bundle's preview → a picture of the original's size."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import numpy as np
from PIL import Image

from splitmask.bundle.bundle import Bundle, BundleObject
from splitmask.bundle.manifest import Origin, Preprocess
from splitmask.engine.base import Engine
from splitmask.errors import BundleError
from splitmask.result import ObjectInfo
from splitmask.session import VideoSession
from splitmask.types import ByteArray, Features

PREVIEW_SIDE = 2048  # pixels, of the longer side
_QUALITY = 88
_GREY = 128  # what a picture without a preview is shown as


def of_image(engine: Engine, image: ByteArray, origin: Origin | None = None) -> Bundle:
    """Encodes a picture, (H, W, 3) uint8 RGB."""
    return _bundle(engine, engine.encode(image), image, origin, ())


def of_frame(
    session: VideoSession, frame: int, objects: Sequence[ObjectInfo] = (), origin: Origin | None = None
) -> Bundle:
    """A frame as a session has it: with what each of the objects is there, to be corrected elsewhere.

    objects: of those that the session knows. origin: its `frame` has to be this one. Raises PromptError
    if the frame or one of the objects does not exist.
    """
    image = session.frame(frame).image
    features = session.features(None, frame)
    known = tuple(_object(session, info, frame, features) for info in objects)
    return _bundle(session.engine, features, image, origin or Origin("", "", frame), known)


def preview_picture(bundle: Bundle) -> ByteArray:
    """The preview scaled to the picture's own size, (H, W, 3); grey where there is none.

    Raises BundleError where it is damaged.
    """
    h, w = bundle.size
    if bundle.preview is None:
        return np.full((h, w, 3), _GREY, np.uint8)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(bundle.preview), formats=("JPEG", "PNG", "WEBP")) as image:
                return np.array(image.convert("RGB").resize((w, h), Image.Resampling.BICUBIC))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BundleError("preview.jpg is damaged; copy the bundle again, or remove it") from error


def _bundle(
    engine: Engine,
    features: Features,
    image: ByteArray,
    origin: Origin | None,
    objects: tuple[BundleObject, ...],
) -> Bundle:
    return Bundle(
        engine.to_arrays(features),
        (image.shape[0], image.shape[1]),
        engine.preset.name,
        engine.weights_sha256,
        Preprocess.of(engine.preset),
        origin,
        _jpeg(image),
        objects,
    )


def _object(session: VideoSession, info: ObjectInfo, frame: int, plain: Features) -> BundleObject:
    features = session.features(info.id, frame)
    embed = None if features is plain else session.engine.to_arrays(features).image_embed
    prompt = session.prompts.get((info.id, frame))
    result = session.result(frame)
    mask = None if result is None else result.masks.get(info.id)
    if mask is None:
        return BundleObject(info, embed, prompt=prompt)
    return BundleObject(info, embed, mask.logits, mask.presence, mask.score, prompt)


def _jpeg(image: ByteArray) -> bytes:
    picture = Image.fromarray(image)
    picture.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()

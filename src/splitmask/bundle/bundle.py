"""A picture's features as a small file that travels: encoded where the compute is, decoded at every
click where the person is. docs/bundle.md describes the files.

The idea of splitting SAM there, encoder on a server and decoder in the page, is that of Segment
Anything's web demo (Kirillov et al. 2023).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from splitmask.bundle import container
from splitmask.bundle.container import EMBEDDING, MANIFEST, PREVIEW, Read
from splitmask.bundle.manifest import (
    FEATURES,
    LONGEST,
    Manifest,
    ObjectEntry,
    Origin,
    Preprocess,
    parse,
)
from splitmask.bundle.tensors import Dtype, pack, unpack
from splitmask.engine.base import Engine
from splitmask.errors import BundleError
from splitmask.presets import Preset
from splitmask.result import ObjectInfo, PromptRecord
from splitmask.types import Features, FloatArray, Mask, Prompt

_LARGEST_PREVIEW = 64 << 20  # bytes


@dataclass(frozen=True, slots=True, eq=False)
class BundleObject:
    """What a tracked object is on the frame: enough to correct it there with the decoder alone."""

    info: ObjectInfo
    image_embed: FloatArray | None = None  # (1, c, h, w) conditioned on its past; None: the frame's own
    logits: FloatArray | None = None  # (M, M) its mask so far; None where it has none
    presence: float = 0.0  # logit, of that mask
    score: float = 0.0  # predicted IoU of that mask
    prompt: Prompt | None = None  # what has been said of it on this frame


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """features: float32 numpy arrays, whatever the file stores. size: (H, W) of the picture.

    model, weights_sha256, preprocess and origin are empty in bundles that do not say.
    """

    features: Features
    size: tuple[int, int]
    model: str = ""
    weights_sha256: str = ""
    preprocess: Preprocess | None = None
    origin: Origin | None = None
    preview: bytes | None = None  # JPEG, of the picture's proportions
    objects: tuple[BundleObject, ...] = ()

    @property
    def frame(self) -> int | None:
        """Its number in the clip; None for a still."""
        return None if self.origin is None else self.origin.frame

    def save(self, path: Path | str, dtype: Dtype = "float16") -> None:
        """Writes a folder, or one deflated zip where the name ends in .zip; whole or not at all.

        dtype: of the features; masks so far are float16 where features are int8. Raises OutputError,
        and BundleError for numbers that the dtype cannot hold.
        """
        path = Path(path)
        data, tensors = pack(self._arrays(dtype))
        manifest = Manifest(
            tensors,
            self.size,
            self.model,
            self.weights_sha256,
            self.preprocess,
            self.origin,
            tuple(_entry(each) for each in self.objects),
            tuple(
                PromptRecord.of(self.frame or 0, each.info.id, each.prompt)
                for each in self.objects
                if each.prompt is not None
            ),
        )
        files = {MANIFEST: manifest.to_bytes(), EMBEDDING: data}
        files |= {} if self.preview is None else {PREVIEW: self.preview}
        (container.write_zip if container.is_zip(path) else container.write_folder)(path, files)

    @classmethod
    def load(cls, path: Path | str, engine: Engine | None = None) -> Bundle:
        """Reads a folder or a zip. engine: whose decoder it is for, to be refused here if it does not fit.

        Raises BundleError: what is missing, damaged, cut off, or of another version or model.
        """
        path = Path(path)
        try:
            with container.reading(path) as read:
                bundle = _bundle(_manifest(read), read)
            if engine is not None:
                bundle.check(engine)
        except BundleError as error:
            raise BundleError(f"{path}: {error}") from error
        return bundle

    def check(self, engine: Engine) -> None:
        """Raises BundleError unless the engine's decoder can read these features."""
        preset = engine.preset
        if self.model not in ("", preset.name):
            raise BundleError(
                f"the bundle is of the model {self.model}, not of {preset.name}: give --model {self.model}"
            )
        if self.weights_sha256 not in ("", engine.weights_sha256):
            raise BundleError(
                f"the bundle is of other weights of {preset.name} ({self.weights_sha256[:12]}…, not "
                f"{engine.weights_sha256[:12]}…): give that --model, or encode the picture again"
            )
        if self.preprocess is not None and self.preprocess.size != preset.image_size:
            raise BundleError(
                f"the bundle is of {self.preprocess.size} px pictures, {preset.name} takes "
                f"{preset.image_size} px: encode the picture again"
            )
        _check_shapes(self, preset)

    def object(self, object_id: int) -> BundleObject | None:
        return next((each for each in self.objects if each.info.id == object_id), None)

    def mask(self, object_id: int) -> Mask | None:
        """An object's mask so far; None where it has none."""
        found = self.object(object_id)
        if found is None or found.logits is None:
            return None
        return Mask(found.logits, found.score, found.presence, self.size)

    def with_object(self, changed: BundleObject) -> Bundle:
        """The bundle with an object in place of the one of its id, or added."""
        others = {each.info.id: each for each in self.objects}
        return replace(self, objects=tuple((others | {changed.info.id: changed}).values()))

    def _arrays(self, dtype: Dtype) -> dict[str, tuple[FloatArray, Dtype]]:
        """Tensors by name and how to store each."""
        arrays: dict[str, tuple[FloatArray, Dtype]] = {
            name: (getattr(self.features, name), dtype) for name in FEATURES
        }
        for each in self.objects:
            embed, logits = _names(each)
            if each.image_embed is not None:
                arrays[embed] = each.image_embed, dtype
            if each.logits is not None:
                arrays[logits] = each.logits[None, None], "float16" if dtype == "int8" else dtype
        return arrays


def read_manifest(path: Path) -> Manifest | None:
    """The manifest of a bundle that is whole as far as its files' sizes say; None if there is none."""
    try:
        with container.reading(path) as read:
            manifest = _manifest(read)
            data = read(EMBEDDING, manifest.end)
    except BundleError:
        return None
    return manifest if data is not None and len(data) == manifest.end else None


def _manifest(read: Read) -> Manifest:
    data = read(MANIFEST, LONGEST + 1)
    if data is None:
        raise BundleError(f"there is no {MANIFEST} in it: give a bundle that splitmask encode has written")
    return parse(data)


def _bundle(manifest: Manifest, read: Read) -> Bundle:
    data = read(EMBEDDING, manifest.end)
    if data is None:
        raise BundleError(f"there is no {EMBEDDING} in it: copy the bundle again")
    arrays = {name: unpack(name, entry, data) for name, entry in manifest.tensors.items()}
    said = {record.object_id: record.to_prompt() for record in manifest.prompts}
    bundle = Bundle(
        Features(*(arrays[name] for name in FEATURES)),
        manifest.size,
        manifest.model,
        manifest.weights_sha256,
        manifest.preprocess,
        manifest.origin,
        read(PREVIEW, _LARGEST_PREVIEW),
        tuple(_object(entry, arrays, said.get(entry.info.id)) for entry in manifest.objects),
    )
    _check_relations(bundle)
    return bundle


def _object(entry: ObjectEntry, arrays: dict[str, FloatArray], prompt: Prompt | None) -> BundleObject:
    logits = None if entry.logits is None else arrays[entry.logits]
    if logits is not None and (logits.ndim != 4 or logits.shape[:2] != (1, 1)):
        raise BundleError(f"{entry.logits} has the shape {logits.shape} instead of (1, 1, M, M)")
    return BundleObject(
        entry.info,
        None if entry.image_embed is None else arrays[entry.image_embed],
        None if logits is None else logits[0, 0],
        entry.presence,
        entry.score,
        prompt,
    )


def _entry(each: BundleObject) -> ObjectEntry:
    embed, logits = _names(each)
    return ObjectEntry(
        each.info,
        None if each.image_embed is None else embed,
        None if each.logits is None else logits,
        each.presence,
        each.score,
    )


def _names(each: BundleObject) -> tuple[str, str]:
    return f"objects.{each.info.id}.image_embed", f"objects.{each.info.id}.logits"


def _check_relations(bundle: Bundle) -> None:
    """Raises BundleError unless the shapes belong together, whatever the model."""
    shape = bundle.features.image_embed.shape
    if len(shape) != 4 or shape[0] != 1 or shape[2] != shape[3] or shape[1] % 8:
        raise BundleError(
            f"image_embed has the shape {shape} instead of (1, C, h, h); encode the picture again"
        )
    _check(bundle, shape[1], shape[2], "as image_embed has it")


def _check_shapes(bundle: Bundle, preset: Preset) -> None:
    _check(bundle, preset.dim, preset.grid, f"as {preset.name} has it")


def _check(bundle: Bundle, c: int, h: int, why: str) -> None:
    features = bundle.features
    expected: list[tuple[str, FloatArray | None, tuple[int, ...]]] = [
        ("image_embed", features.image_embed, (1, c, h, h)),
        ("high_res_feats_0", features.high_res_feats_0, (1, c // 8, 4 * h, 4 * h)),
        ("high_res_feats_1", features.high_res_feats_1, (1, c // 4, 2 * h, 2 * h)),
    ]
    for each in bundle.objects:
        embed, logits = _names(each)
        expected += [(embed, each.image_embed, (1, c, h, h)), (logits, each.logits, (4 * h, 4 * h))]
    for name, array, shape in expected:
        if array is not None and array.shape != shape:
            raise BundleError(f"{name} has the shape {array.shape} instead of {shape}, {why}")

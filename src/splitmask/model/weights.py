"""Model files in and out: official `.pt` checkpoints, safetensors and Hugging Face folders.

Nothing that a file holds is executed: pickles are read as tensors only. What does not fit is said in one
line: which parameters, and which preset the file looks like.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from splitmask.errors import ModelError
from splitmask.files import replacing
from splitmask.hub import resolve
from splitmask.hub.digests import sha256
from splitmask.hub.folders import GRAPHS, checkpoint
from splitmask.model.sam2 import Sam2
from splitmask.presets import PRESETS, Preset, get_preset

State = Mapping[str, Tensor]

# the safetensors metadata that names the preset
PRESET_KEY = "splitmask.preset"


def load_model(name_or_path: str | Path, preset: str | Preset | None = None) -> Sam2:
    """A model in evaluation mode, on the CPU, in float32.

    name_or_path: `nano` (which comes with the package), the name of a model that was pulled or imported, a
    `.pt` as the official release has it, a `.safetensors`, or a folder that holds one of them.
    preset: which model the file is of; found by the file's metadata, name or shapes when not given.
    Raises ModelError for a file that is missing, damaged, made of code, or of another model.
    """
    preset, state = load_state(name_or_path, preset)
    model = Sam2(preset)
    model.load_state_dict(state, assign=True)
    return model.eval().requires_grad_(False)


def load_state(name_or_path: str | Path, preset: str | Preset | None = None) -> tuple[Preset, State]:
    """The preset and the float32 parameters of a file, checked against each other. As `load_model`."""
    path = locate(name_or_path)
    state, metadata = read_state(path)
    chosen = get_preset(preset) if isinstance(preset, str) else preset
    chosen = chosen or _preset_of(path, state, metadata)
    _check(path, state, chosen)
    return chosen, {k: value.float() if value.is_floating_point() else value for k, value in state.items()}


def save_model(
    model: Sam2,
    path: str | Path,
    dtype: torch.dtype = torch.float32,
    metadata: Mapping[str, str] | None = None,
) -> str:
    """Writes a `.safetensors` whole or not at all, with the preset's name in its metadata.

    Returns the file's sha256. Raises OutputError.
    """
    state = {
        key: (value.to(dtype) if value.is_floating_point() else value).detach().cpu().contiguous()
        for key, value in model.state_dict().items()
    }
    target = Path(path)
    with replacing(target) as temporary:
        save_file(state, temporary, {"format": "pt", PRESET_KEY: model.preset.name, **(metadata or {})})
    return sha256_of(target)


def sha256_of(path: str | Path) -> str:
    """Hexadecimal digest of a file. Raises ModelError if it cannot be read."""
    return sha256(Path(path))


def locate(name_or_path: str | Path) -> Path:
    """The file that a model's name or path stands for. Raises ModelError if there is none."""
    path = resolve(name_or_path)
    if not path.is_dir():
        return path
    names = [file.name for file in path.iterdir()]
    return path / checkpoint(names, path, "" if GRAPHS in names else f"{GRAPHS} or ")


def read_state(path: Path) -> tuple[State, Mapping[str, str]]:
    """Tensors and metadata of a file as stored. Raises ModelError."""
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        with warnings.catch_warnings(action="ignore"):  # torch remarks on the pickles that it then refuses
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=_is_zip(path))
    except pickle.UnpicklingError as error:
        raise ModelError(f"{path} holds code or is no checkpoint; only plain tensors are loaded") from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise ModelError(f"{path} is damaged or truncated: fetch it again") from error
    state = content.get("model", content) if isinstance(content, dict) else content
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ModelError(f'{path} has no state dict under "model"')
    if isinstance(content.get("average"), dict):  # a training run's: what it means to be used
        return {**state, **content["average"]}, {PRESET_KEY: str(content.get("preset"))}
    return state, {}


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _read_safetensors(path: Path) -> tuple[State, Mapping[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is damaged or truncated: fetch it again") from error


def _preset_of(path: Path, state: State, metadata: Mapping[str, str]) -> Preset:
    if PRESET_KEY in metadata:
        return get_preset(metadata[PRESET_KEY])
    stem = path.name.partition(".pt")[0].removesuffix(".safetensors")
    for preset in PRESETS.values():
        if preset.checkpoint.removesuffix(".pt") == stem or preset.name == stem:
            return preset
    return _likeness(state)


def _shapes(preset: Preset) -> dict[str, torch.Size]:
    with torch.device("meta"):
        return {key: value.shape for key, value in Sam2(preset).state_dict().items()}


def _likeness(state: State) -> Preset:
    """The preset that shares the most parameters with a state, by name and shape."""
    given = {(key, value.shape) for key, value in state.items()}
    return max(PRESETS.values(), key=lambda preset: -len(given ^ set(_shapes(preset).items())))


def _check(path: Path, state: State, preset: Preset) -> None:
    expected = _shapes(preset)
    faults = [
        _listed("missing", [key for key in expected if key not in state]),
        _listed("unknown", [key for key in state if key not in expected]),
        _listed(
            "of another shape",
            [
                f"{key} {tuple(state[key].shape)} for {tuple(shape)}"
                for key, shape in expected.items()
                if key in state and state[key].shape != shape
            ],
        ),
    ]
    if any(faults):
        looks = _likeness(state)
        hint = f"; it looks like {looks.name}" if looks.name != preset.name else ""
        raise ModelError(f"{path} does not fit {preset.name}: {', '.join(filter(None, faults))}{hint}")
    broken = [key for key, value in state.items() if not torch.isfinite(value).all()]
    if broken:
        keys = _listed("broken", broken)
        raise ModelError(f"{path} holds numbers that are not finite: {keys}; fetch it again")


def _listed(what: str, keys: list[str], most: int = 3) -> str:
    if not keys:
        return ""
    rest = f" and {len(keys) - most} more" if len(keys) > most else ""
    return f"{len(keys)} {what} ({'; '.join(keys[:most])}{rest})"

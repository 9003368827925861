"""The model zoo as plain dataclasses. A model differs from another by a preset, never by a branch.

Figures of the SAM 2 family: Ravi et al. 2024, "SAM 2: Segment Anything in Images and Videos", and
the configuration files of its release.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypedDict

from splitmask.errors import ModelError

Resize = Literal["bilinear-aa", "bicubic-pil", "linear"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class HieraParams:
    """Hiera trunk (Ryali et al. 2023): windowed attention, pooled queries between stages."""

    embed_dim: int
    num_heads: int
    stages: tuple[int, int, int, int]
    global_attention: tuple[int, ...]  # block indices that attend over the whole map
    window_spec: tuple[int, int, int, int]
    pos_embed_bkg: tuple[int, int]

    @property
    def channels(self) -> tuple[int, ...]:
        """Of the maps at stride 4, 8, 16, 32."""
        return tuple(self.embed_dim * 2**i for i in range(4))


@dataclass(frozen=True, slots=True)
class ConvParams:
    """Residual bottleneck convolutions at strides 4, 8, 16; attention over the 16×16 map at stride 32.

    Dense 3×3 and 1×1 convolutions with ReLU run at the matrix rate of a CPU; batch norm folds away.
    """

    channels: tuple[int, int, int, int]
    mid: tuple[int, int, int]  # width of the 3×3 convolution in stages 1…3
    depths: tuple[int, int, int, int]
    num_heads: int


@dataclass(frozen=True, slots=True)
class Preset:
    name: str
    trunk: HieraParams | ConvParams
    image_size: int = 1024  # S: the square that a frame is stretched to
    dim: int = 256  # C: channels of image_embed
    top_down_levels: tuple[int, ...] = (2, 3)  # of strides 4, 8, 16, 32: which get the coarser map added
    # mask decoder
    decoder_heads: int = 8
    decoder_mlp: int = 2048
    iou_hidden: int = 256
    # memory
    memory_dim: int = 64  # Cm
    memory_layers: int = 4
    memory_mlp: int = 2048
    memory_mask_stride: int = 1  # masks enter the memory encoder at S / this
    memory_mask_scale: tuple[float, float] = (20.0, -10.0)
    memory_pool: int = 1  # memories are averaged over pool×pool cells of the stride-16 grid
    num_memories: int = 7
    max_pointers: int = 16
    # what SAM 2.1 added
    no_obj_embed_spatial: bool = True
    pointer_tpos: bool = True
    # preprocessing
    resize: Resize = "bilinear-aa"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    # the model zoo
    checkpoint: str = ""  # official file name
    hub: str = ""  # repository on the Hugging Face hub
    release: str = ""  # folder on Meta's host
    sha256: str = ""  # of the official file
    size: int = 0  # its bytes; 0 where not known
    parameters: int = 0
    licence: str = "Apache-2.0"

    @property
    def grid(self) -> int:
        """Side of image_embed, S / 16."""
        return self.image_size // 16

    @property
    def mask_size(self) -> int:
        """M: side of a low-resolution mask, S / 4."""
        return self.image_size // 4

    @property
    def memory_grid(self) -> int:
        return self.grid // self.memory_pool


class _Released(TypedDict):
    parameters: int
    size: int
    sha256: str


def _released(parameters: int, size: int, sha256: str) -> _Released:
    return {"parameters": parameters, "size": size, "sha256": sha256}


# Sizes and hashes are those of the Git LFS pointers in the official repositories of the Hugging Face hub.
_RELEASED = {
    "sam2.1-tiny": _released(
        38_962_498, 156_008_466, "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69"
    ),
    "sam2.1-small": _released(
        46_060_354, 184_416_285, "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38"
    ),
    "sam2.1-base+": _released(
        80_850_178, 323_606_802, "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5"
    ),
    "sam2.1-large": _released(
        224_446_642, 898_083_611, "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318"
    ),
    "sam2.0-tiny": _released(
        38_945_986, 155_906_050, "65b50056e05bcb13694174f51bb6da89c894b57b75ccdf0ba6352c597c5d1125"
    ),
    "sam2.0-small": _released(
        46_043_842, 0, "95949964d4e548409021d47b22712d5f1abf2564cc0c3c765ba599a24ac7dce3"
    ),
    "sam2.0-base+": _released(
        80_833_666, 323_493_298, "d0bb7f236400a49669ffdd1be617959a8b1d1065081789d7bbff88eded3a8071"
    ),
    "sam2.0-large": _released(
        224_430_130, 897_952_466, "7442e4e9b732a508f80e141e7c2913437a3610ee0c77381a66658c3a445df87b"
    ),
}


def _hiera(version: str, size: str, trunk: HieraParams) -> Preset:
    new, name = version == "2.1", f"sam{version}-{size}"
    return Preset(
        name=name,
        trunk=trunk,
        no_obj_embed_spatial=new,
        pointer_tpos=new,
        checkpoint=f"sam{version}_hiera_{size.replace('base+', 'base_plus')}.pt".replace("sam2.0_", "sam2_"),
        hub=f"facebook/sam{version}-hiera-{size.replace('base+', 'base-plus')}".replace("sam2.0-", "sam2-"),
        release="092824" if new else "072824",
        **_RELEASED[name],
    )


_TRUNKS = {
    "tiny": HieraParams(96, 1, (1, 2, 7, 2), (5, 7, 9), (8, 4, 14, 7), (7, 7)),
    "small": HieraParams(96, 1, (1, 2, 11, 2), (7, 10, 13), (8, 4, 14, 7), (7, 7)),
    "base+": HieraParams(112, 2, (2, 3, 16, 3), (12, 16, 20), (8, 4, 14, 7), (14, 14)),
    "large": HieraParams(144, 2, (2, 6, 36, 4), (23, 33, 43), (8, 4, 16, 8), (7, 7)),
}

NANO = Preset(
    name="nano",
    trunk=ConvParams(channels=(64, 128, 256, 320), mid=(64, 96, 128), depths=(2, 3, 11, 3), num_heads=5),
    image_size=512,
    dim=128,
    top_down_levels=(0, 1, 2, 3),
    decoder_heads=4,
    decoder_mlp=512,
    iou_hidden=128,
    memory_layers=2,
    memory_mlp=512,
    memory_mask_stride=4,
    memory_pool=2,
)

# A few thousand parameters, for tests: every part of `nano`, nothing learned.
TEST_CONV = replace(
    NANO,
    name="test-conv",
    trunk=ConvParams(channels=(8, 8, 16, 16), mid=(8, 8, 8), depths=(1, 1, 1, 1), num_heads=2),
    image_size=64,
    dim=32,
    decoder_heads=2,
    decoder_mlp=32,
    iou_hidden=32,
    memory_dim=16,
    memory_mlp=32,
)
# The same for the SAM 2 family: small, at an image size that the window sizes divide.
TEST_HIERA = Preset(
    name="test-hiera",
    trunk=HieraParams(16, 1, (1, 2, 3, 2), (3, 5), (8, 4, 8, 4), (7, 7)),
    image_size=128,
    dim=64,
    decoder_mlp=64,
    iou_hidden=64,
    memory_dim=16,
    memory_layers=2,
    memory_mlp=64,
)

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        NANO,
        *(_hiera(version, size, trunk) for version in ("2.1", "2.0") for size, trunk in _TRUNKS.items()),
        TEST_CONV,
        TEST_HIERA,
    )
}


def get_preset(name: str) -> Preset:
    """Raises ModelError, naming what there is, if there is no such preset."""
    try:
        return PRESETS[name]
    except KeyError:
        known = ", ".join(n for n in PRESETS if not n.startswith("test-"))
        raise ModelError(f"unknown model {name!r}: choose one of {known}") from None

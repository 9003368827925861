#!/bin/sh
# Installs the official sam2 package, which the parity tests hold ours to. From PyPI, for the CPU, beside
# whatever torch is there. Does nothing where it is installed already. PYTHON=… chooses the interpreter.
set -eu
python="${PYTHON:-python}"

if "$python" -c 'import importlib.util as u, sys; sys.exit(not (u.find_spec("sam2") and u.find_spec("torchvision")))'
then
  exit 0
fi

# torchvision 0.28 goes with torch 2.13, and so on back; it would ask for a torch of its own
torchvision=$("$python" -c 'import torch; minor = int(torch.__version__.split(".")[1]); print(f"0.{minor + 15}.*")')
"$python" -m pip install --quiet hydra-core iopath tqdm pillow pycocotools setuptools wheel
"$python" -m pip install --quiet --no-deps "torchvision==$torchvision"
SAM2_BUILD_CUDA=0 "$python" -m pip install --quiet --no-deps --no-build-isolation "sam2==1.1.0"

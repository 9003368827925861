#!/bin/sh
# Installs samexporter, whose exports the interoperability tests and `splitmask bench ort` run beside ours, and
# what it needs of sam2 and torchvision. From PyPI, beside whatever torch, onnx and onnxruntime are there: it
# would ask for versions of its own. Does nothing where it is installed already. PYTHON=… chooses the interpreter.
set -eu
python="${PYTHON:-python}"

sh "$(dirname "$0")/install_sam2.sh"
if ! "$python" -c 'import importlib.util as u, sys; sys.exit(not (u.find_spec("samexporter") and u.find_spec("cv2")))'
then
  "$python" -m pip install --quiet --no-deps "samexporter==0.5.0" "opencv-python-headless>=4.11"
fi

#!/bin/sh
# The embedded model, from nothing to weights: recipes/nano.sh DATA OUT
#
# Cost: 24 minutes on one H200 (9.5 of pictures, then 14.5 of pictures and clips: both schedules follow the
# clock), and what reading the data and compiling take. Run again after a kill, it continues where it was.
# The pictures and label maps of the model card's data take 7 GB of GPU memory.
set -eu
recipes=$(dirname "$0")
data=$1 out=$2

splitmask train "$recipes/nano-1-images.json" "$data" -o "$out/1-images"
splitmask train "$recipes/nano-2-clips.json" "$data" -o "$out/2-clips" --start "$out/1-images/last.pt"
splitmask eval "$data" --model "$out/2-clips/nano.safetensors" -o "$out/eval" --overwrite
splitmask export-onnx "$out/2-clips/nano.safetensors" -o "$out/graphs" --overwrite

#!/bin/sh
# A model further on your own pictures and clips: recipes/finetune.sh WEIGHTS DATA OUT
# WEIGHTS: nano, or a checkpoint of the SAM 2 family.
#
# Cost: 2,000 steps of 8 pictures or 12 frames. How long that takes depends on model and GPU; the first lines
# of the run say it. Run again after a kill, it continues where it was.
set -eu
weights=$1 data=$2 out=$3

splitmask eval "$data" --model "$weights" -o "$out/before" --overwrite
splitmask train finetune "$data" --start "$weights" -o "$out/run"
for model in "$out"/run/*.safetensors; do
  splitmask eval "$data" --model "$model" -o "$out/after" --overwrite
done

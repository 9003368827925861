#!/bin/sh
# The embedded model, from nothing to weights: recipes/nano.sh DATA OUT
#
# Cost: 24 minutes on one H200 (9.5 of pictures, then 14.5 of pictures and clips), then 18.6 minutes on eight
# and 14.5 on four, and what reading the data and compiling take; all schedules follow the clock. Run again after
# a kill, it continues where it was. The pictures and label maps of the model card's data take 8 GB of GPU memory.
# With fewer GPUs the last two parts need more minutes for the same weights: GPUS=1 takes 149 and 58.
set -eu
gpus=${GPUS:-8}
recipes=$(dirname "$0")
data=$1 out=$2

splitmask train "$recipes/nano-1-images.json" "$data" -o "$out/1-images"
splitmask train "$recipes/nano-2-clips.json" "$data" -o "$out/2-clips" --start "$out/1-images/last.pt"
# each process sees a GPU of its own, so that they share what is compiled
on_all() {
  torchrun --standalone --nproc-per-node "$gpus" --no-python sh -c \
    'CUDA_VISIBLE_DEVICES=$LOCAL_RANK exec splitmask train "$@"' - "$@"
}
on_all "$recipes/nano-3-long.json" "$data" -o "$out/3-long" --start "$out/2-clips/nano.safetensors" \
  --minutes "$((149 / gpus))"
python "$recipes/../scripts/whole_objects.py" "$data" "$recipes/data/nano-objects.json" "$out/object.tar"
on_all "$recipes/nano-4-objects.json" "$data" "$out/object.tar" -o "$out/4-objects" \
  --start "$out/3-long/nano.safetensors" --minutes "$((58 / gpus))"
python "$recipes/../scripts/average_weights.py" "$out/3-long/nano.safetensors" \
  "$out/4-objects/nano.safetensors" 0.4 "$out/nano.safetensors"

for what in clicks video presence; do
  splitmask eval "$data" --what "$what" --model "$out/nano.safetensors" -o "$out/eval-$what" --overwrite
done
splitmask export-onnx "$out/nano.safetensors" -o "$out/graphs" --overwrite

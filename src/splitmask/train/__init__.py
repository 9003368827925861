"""Training: data on the GPU, augmentation on the GPU, no host sync in the hot loop."""

"""How good a model is: simulated clicks on images, J and F on clips."""

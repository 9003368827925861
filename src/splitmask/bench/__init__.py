"""How fast it is here, as ratios to a matrix product in the same run."""

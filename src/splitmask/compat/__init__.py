"""Public names of other packages on splitmask's models: change the import, keep the code."""

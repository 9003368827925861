"""A clip of its own making, tracked from one click an object, and scored against its known truth."""

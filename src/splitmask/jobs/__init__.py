"""What is asked for in one go: a source and what was said of it → masks, and the files that show them."""

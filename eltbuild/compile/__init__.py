"""What each node means: rendered text, resolved names."""

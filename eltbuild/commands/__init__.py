"""One recipe of stages for each command; the Python API is these functions."""

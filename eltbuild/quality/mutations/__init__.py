"""A query changed in small ways, one at a time, to find out which changes its unit tests notice. Nothing is run."""

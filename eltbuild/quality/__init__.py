"""Data tests, unit tests, freshness and tables compared: what is asked and what the verdict is. Nothing is run."""

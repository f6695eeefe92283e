"""Data tests, freshness and contracts: what is measured and what the verdict is."""

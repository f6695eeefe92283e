"""Tests asked of the warehouse: those of one relation together, in one query."""

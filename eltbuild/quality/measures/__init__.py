"""Tests as measures: aggregates over the rows of one relation, all asked in one query. Nothing is run here."""

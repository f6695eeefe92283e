"""Expectations as measures, with the verdicts and counts of Great Expectations, which is not imported here."""

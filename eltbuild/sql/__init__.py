"""Knows how SQL is spelled, and nothing of projects or Jinja."""

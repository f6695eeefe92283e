"""Unit tests: where they run, what they run with, recording them, and what they notice."""

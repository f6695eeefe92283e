"""Doing it: scheduling, one node at a time, state."""

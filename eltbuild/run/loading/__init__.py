"""Rows from files: seeds and the files that stand for sources."""

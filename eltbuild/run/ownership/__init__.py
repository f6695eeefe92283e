"""Whose a relation is, and how what nobody builds any more goes."""

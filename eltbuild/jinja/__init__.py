"""Knows Jinja, and nothing of projects or warehouses."""

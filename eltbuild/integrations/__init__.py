"""Orchestrators and lineage back ends: users of commands and events, like anybody."""

"""DuckDB as a warehouse: in a file, in memory, with whatever is attached to it."""

from eltbuild_duckdb.adapter import DuckDBAdapter

__all__ = ["DuckDBAdapter"]

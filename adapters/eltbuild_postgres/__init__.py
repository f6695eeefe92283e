"""PostgreSQL as a warehouse."""

from eltbuild_postgres.adapter import PostgresAdapter

__all__ = ["PostgresAdapter"]

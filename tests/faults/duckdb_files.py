"""DuckDB files as databases of stands."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from faults.stands import Found

NAME = "warehouse.duckdb"
RELATIONS = (
    "select table_schema, table_name, case table_type when 'VIEW' then 'view' else 'table' end"
    " from information_schema.tables where table_catalog = current_database() order by all"
)


@dataclass(slots=True)
class Session:
    """A session on a copy of the file: opening the file itself would already mend what a crash has left."""

    connection: duckdb.DuckDBPyConnection
    folder: Path

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.connection.execute(sql).fetchall()

    def relations(self) -> list[Found]:
        """All tables and views."""
        return [Found(*row) for row in self.rows(RELATIONS)]

    def close(self) -> None:
        """The copy is gone."""
        self.connection.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class File:
    """A database in a file of its own."""

    path: Path
    engine: str = "duckdb"

    def version(self) -> str:
        """The engine and its version, in words."""
        return f"DuckDB {duckdb.__version__}"

    def furnishing(self) -> Sequence[str]:
        """It needs nothing more."""
        return ()

    def output(self) -> Mapping[str, Any]:
        """The profile's output for it."""
        return {"type": "duckdb", "path": str(self.path)}

    def write(self, statements: Sequence[str]) -> None:
        """Run statements in one transaction."""
        with duckdb.connect(str(self.path)) as connection:
            connection.begin()
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    def sizes(self) -> Mapping[str, int]:
        """The files of it and how long they are."""
        return {path.name: path.stat().st_size for path in self.path.parent.glob(f"{self.path.name}*")}

    def look(self) -> Session:
        """What stands in it now; whatever lies beside the file, as its log of writes, is looked at too."""
        folder = Path(tempfile.mkdtemp(prefix="look-", dir=self.path.parent.parent))
        for path in self.path.parent.glob(f"{self.path.name}*"):
            if path.is_file():
                shutil.copyfile(path, folder / path.name)
        return Session(duckdb.connect(str(folder / self.path.name)), folder)

    def parked(self) -> File:
        """Itself: it lies in a folder of its own."""
        return self

    def copied(self, folder: Path) -> File:
        """The copy that came along with the folder."""
        return File(folder / self.path.name)

    def drop(self) -> None:
        """It goes with its folder."""


@dataclass(frozen=True, slots=True)
class DuckDBEngine:
    """Makes databases in files."""

    name: str = "duckdb"

    def database(self, folder: Path) -> File:
        """A new one, in the folder of its stand."""
        return File(folder / NAME)

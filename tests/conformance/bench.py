"""What the tests of the suite work with: an adapter, a schema of their own, statements spelled for the engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.targets import Warehouse

from eltbuild.adapter import Adapter, Connection
from eltbuild.relation import Column, Relation
from eltbuild.sql.writer import Writer

HOSTILE = {
    "keyword": "select",
    "mixed case": "MiXed",
    "words": "two words",
    "double quote": 'quo"te',
    "quotes only": '""',
    "apostrophe": "apos'trophe",
    "semicolon": "semi;colon",
    "comment": "--comment",
    "block comment": "/*block*/",
    "emoji": "emoji 😀",
    "umlaut": "Grüße",
    "format": "%s {0}",
    "backslash": "back\\slash",
    "backtick": "back`tick",
    "parameter": "$1?:x",
    "dots": "a.b.c",
    "file": "rows.csv",
    "digit": "1st",
    "blank at the end": "x ",
    "63": "n" * 63,
    "64": "n" * 64,
    "long": "long_name_" * 20,
}


@dataclass(frozen=True, slots=True)
class Bench:
    """One warehouse, open, with a schema that is the test's own."""

    warehouse: Warehouse
    adapter: Adapter
    connection: Connection
    writer: Writer
    schema: Relation

    def at(self, name: str) -> Relation:
        """The place of that name in the test's schema."""
        return self.schema.named(name)

    def spelled(self, name: str) -> str:
        """The place, as it is written in SQL."""
        return self.writer.relation(self.at(name))

    def made(self, name: str, query: str = "select 1 as a") -> str:
        """A table made from a query; how its place is written."""
        self.connection.execute(self.writer.create_table_as(self.at(name), query))
        return self.spelled(name)

    def with_columns(self, name: str, **columns: str) -> Relation:
        """An empty table; types as `Writer.type_name` takes them."""
        lines = [self.writer.definition(Column(key, self.writer.type_name(kind))) for key, kind in columns.items()]
        self.connection.execute(self.writer.create_table(self.at(name), lines))
        return self.at(name)

    def numbers(self, count: int, column: str = "n", value: str = "") -> str:
        """A query that gives `count` rows (a power of ten), each with its number or the value given."""
        digits = " union all ".join(f"select {digit} as d" for digit in range(10))
        places = len(str(count)) - 1
        total = " + ".join(f"t{index}.d * {10**index}" for index in range(places))
        tables = " cross join ".join(f"({digits}) as t{index}" for index in range(places))
        return f"select {value or total} as {column} from {tables}"

    def scalar(self, sql: str) -> Any:
        """The first value that a query gives."""
        return self.connection.execute(sql).scalar()

    def count(self, name: str) -> int:
        """How many rows a table has."""
        return int(self.scalar(f"select count(*) from {self.spelled(name)}"))


def patiently(holds: Callable[[], Any], seconds: float = 30) -> bool:
    """Whether something comes to hold, asked again and again; the time is a guard against hanging."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def at_once(tasks: Sequence[Callable[[], Any]], seconds: float = 60) -> list[Any]:
    """What each task gives, or the exception that it raises; all of them start together, each in its thread."""
    results: list[Any] = [TimeoutError("a thread did not end")] * len(tasks)
    barrier = threading.Barrier(len(tasks))

    def run(index: int, task: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            results[index] = task()
        except Exception as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(tasks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
    return results

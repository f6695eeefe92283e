"""The result of a query as templates read it: the part of agate's tables that templates use, over an `Answer`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from eltbuild.adapter import Answer
from eltbuild.compile.dbt.result_column import ColumnType, ResultColumn, in_json, nulls_last, plain_value
from eltbuild.compile.dbt.row import Named, distinct_names
from eltbuild.compile.dbt.table_text import printed, structure
from eltbuild.jinja.bounds import checked_call
from eltbuild.jinja.clock import current

Say = Callable[[str], Any]
"""Where a template prints."""


class Table:
    """Rows and columns of a result, by position and by name."""

    def __init__(
        self, names: Sequence[str], rows: Sequence[Sequence[Any]], types: Sequence[str] = (), say: Say | None = None
    ) -> None:
        self.say = say
        self.column_names = distinct_names(names)
        self.column_types = tuple(map(ColumnType, types)) or (ColumnType(),) * len(self.column_names)
        self.rows = Named.of([Named.of(row, self.column_names) for row in rows], [str(i) for i in range(len(rows))])
        self.row_names = None

    @classmethod
    def of(cls, answer: Answer, say: Say | None = None) -> Table:
        """The table of an answer, names of columns as the warehouse gave them. `say`: where it is printed."""
        return cls(
            [column.name for column in answer.columns],
            [tuple(plain_value(value) for value in row) for row in answer.rows],
            [column.type for column in answer.columns],
            say,
        )

    def __str__(self) -> str:
        return structure(self.columns)

    @property
    def columns(self) -> Named:
        """The columns, by position and by name."""
        parts = [
            ResultColumn(name, tuple(row[i] for row in self.rows), kind, i)
            for i, (name, kind) in enumerate(zip(self.column_names, self.column_types, strict=True))
        ]
        return Named.of(parts, self.column_names)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)

    def __getitem__(self, key: Any) -> Any:
        return self.rows[key]

    def _with(self, rows: Sequence[Sequence[Any]]) -> Table:
        return Table(self.column_names, rows, self.column_types, self.say)

    def select(self, key: Any) -> Table:
        """Only those columns."""
        names = [key] if isinstance(key, str) else list(key)
        kinds = dict(zip(self.column_names, self.column_types, strict=True))
        rows = [[row[name] for name in names] for row in self.rows]
        return Table(names, rows, [kinds.get(name, "") for name in names], self.say)

    def exclude(self, key: Any) -> Table:
        """All but those columns."""
        left_out = {key} if isinstance(key, str) else set(key)
        return self.select([name for name in self.column_names if name not in left_out])

    def rename(self, column_names: Any = None, **_: Any) -> Table:
        """The same rows under other names (a list, or a mapping from old to new)."""
        if isinstance(column_names, Mapping):
            names: Sequence[str] = [column_names.get(name, name) for name in self.column_names]
        else:
            names = list(column_names or self.column_names)
        return Table(names, list(self.rows), self.column_types, self.say)

    def limit(self, start_or_stop: int | None = None, stop: int | None = None, step: int | None = None) -> Table:
        """A slice of the rows."""
        rows = self.rows[slice(start_or_stop) if stop is None else slice(start_or_stop, stop, step)]
        return self._with(rows)

    def where(self, test: Callable[[Any], bool]) -> Table:
        """The rows for which the test holds."""
        return self._with([row for row in self.rows if checked_call(current(), test, row)])

    def find(self, test: Callable[[Any], bool]) -> Any:
        """The first row for which the test holds, or none."""
        return next((row for row in self.rows if checked_call(current(), test, row)), None)

    def distinct(self, key: Any = None) -> Table:
        """Each row once; with a key, the first row of each of its values."""
        seen: dict[Any, Any] = {}
        for row in self.rows:
            seen.setdefault(tuple(row) if key is None else _picked(row, key), row)
        return self._with(list(seen.values()))

    def order_by(self, key: Any, reverse: bool = False) -> Table:
        """The rows sorted by a column, by several, or by what a function says of them."""

        def place(row: Any) -> Any:
            found = _picked(row, key)
            return tuple(map(nulls_last, found)) if isinstance(found, tuple) else nulls_last(found)

        return self._with(sorted(self.rows, key=place, reverse=reverse))

    def group_by(self, key: Any, key_name: str | None = None, key_type: Any = None) -> Groups:
        """Tables by the values of a column, or by what a function says of the rows."""
        groups: dict[Any, list[Any]] = {}
        for row in self.rows:
            groups.setdefault(_picked(row, key), []).append(row)
        name = key_name or (key if isinstance(key, str) else "group")
        return Groups({value: self._with(rows) for value, rows in groups.items()}, name)

    def dict(self) -> dict[str, Any]:
        """Columns by name."""
        return {column.name: list(column) for column in self.columns}

    def join(
        self, right_table: Table, left_key: Any = None, right_key: Any = None, inner: bool = False, **_: Any
    ) -> Table:
        """Each row with the first of the other table that has the same key; with `inner`, only rows that have one."""
        key, other = left_key or self.column_names[0], right_key or left_key or right_table.column_names[0]
        names = [name for name in right_table.column_names if name != other]
        found: dict[Any, list[Any]] = {}
        for row in right_table.rows:
            found.setdefault(row[other], [row[name] for name in names])
        nothing: list[Any] = [None] * len(names)
        rows = [[*row, *found.get(row[key], nothing)] for row in self.rows if not inner or row[key] in found]
        return Table([*self.column_names, *names], rows, (), self.say)

    def _said(self, text: str) -> None:
        if self.say is not None:
            self.say(text)

    def print_table(self, max_rows: int | None = 20, max_columns: int | None = 6, **more: Any) -> None:
        """Print the first rows and columns."""
        self._said(printed(tuple(self.columns), self.rows, max_rows, max_columns, more.get("max_column_width", 20)))

    def print_structure(self, **_: Any) -> None:
        """Print names and kinds of the columns."""
        self._said(structure(self.columns))

    def print_json(self, **more: Any) -> None:
        """Print the rows as a JSON list."""
        self._said(json.dumps([row.dict() for row in self.rows], default=in_json, indent=more.get("indent")))

    def print_csv(self, **_: Any) -> None:
        """Print the rows as CSV."""
        import csv
        import io

        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.column_names)
        for row in self.rows:
            writer.writerow([kind.csvify(value) for kind, value in zip(self.column_types, row, strict=True)])
        self._said(out.getvalue().rstrip("\n"))

    def to_json(self, *_: Any, **__: Any) -> str:
        """The rows as a JSON list."""
        return json.dumps([row.dict() for row in self.rows], default=str)


class Groups:
    """The tables that a grouping made: by position where an integer is asked for, else by key; tables in a loop."""

    def __init__(self, tables: Mapping[Any, Table], key_name: str) -> None:
        self._tables = dict(tables)
        self.key_name = key_name

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, those of each table."""
        return next(iter(self._tables.values())).column_names if self._tables else ()

    def __getitem__(self, key: Any) -> Any:
        return self.values()[key] if isinstance(key, (int, slice)) else self._tables[key]

    def __iter__(self) -> Iterator[Table]:
        return iter(self._tables.values())

    def __len__(self) -> int:
        return len(self._tables)

    def get(self, key: Any, default: Any = None) -> Any:
        """The table of a key, or the default."""
        return self._tables.get(key, default)

    def keys(self) -> tuple[Any, ...]:
        """The keys, in order of first appearance."""
        return tuple(self._tables)

    def values(self) -> tuple[Table, ...]:
        """The tables."""
        return tuple(self._tables.values())

    def items(self) -> tuple[tuple[Any, Table], ...]:
        """Keys with tables."""
        return tuple(self._tables.items())

    def dict(self) -> dict[Any, Table]:
        """The tables by key."""
        return dict(self._tables)

    def _each(self, made: Callable[[Table], Table]) -> Groups:
        return Groups({key: made(table) for key, table in self._tables.items()}, self.key_name)

    def select(self, key: Any) -> Groups:
        """Only those columns of each."""
        return self._each(lambda table: table.select(key))

    def exclude(self, key: Any) -> Groups:
        """All but those columns of each."""
        return self._each(lambda table: table.exclude(key))

    def where(self, test: Callable[[Any], bool]) -> Groups:
        """The rows of each for which the test holds."""
        return self._each(lambda table: table.where(test))

    def limit(self, start_or_stop: int | None = None, stop: int | None = None, step: int | None = None) -> Groups:
        """A slice of each."""
        return self._each(lambda table: table.limit(start_or_stop, stop, step))

    def distinct(self, key: Any = None) -> Groups:
        """The rows of each, every one once."""
        return self._each(lambda table: table.distinct(key))

    def order_by(self, key: Any, reverse: bool = False) -> Groups:
        """The rows of each in order."""
        return self._each(lambda table: table.order_by(key, reverse))


class Cursor:
    """What `adapter.add_query` leaves to be fetched: the rows of an answer, each once."""

    def __init__(self, answer: Answer | None) -> None:
        columns = answer.columns if answer is not None else ()
        self._rows = list(answer.rows) if answer is not None else []
        self.description = [(column.name, column.type, None, None, None, None, None) for column in columns]
        self.rowcount = len(self._rows) if answer is None or answer.affected is None else answer.affected

    def fetchone(self) -> Any:
        """The next row, or none."""
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int = 1) -> list[Any]:
        """The next rows."""
        found, self._rows = self._rows[:size], self._rows[size:]
        return found

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        return self.fetchmany(len(self._rows))


def _picked(row: Any, key: Any) -> Any:
    """The values of a row by which it is sorted or grouped: of a column, of several, or what a function says."""
    if isinstance(key, (list, tuple)):
        return tuple(row[name] for name in key)
    return checked_call(current(), key, row) if callable(key) else row[key]

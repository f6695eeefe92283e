"""The small door to a warehouse: what an adapter must offer, and how adapters are found.

No SQL is written here: text comes from `eltbuild.sql`, differences that are not spelling are `Capabilities`.
Adapters are found through the entry-point group `eltbuild.adapters`; each entry names a factory
`Callable[[Target], Adapter]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from eltbuild.errors import Problem, UsageError, did_you_mean
from eltbuild.relation import Column, Relation, RelationInfo

if TYPE_CHECKING:
    import pyarrow

ENTRY_POINTS = "eltbuild.adapters"


@dataclass(frozen=True, slots=True)
class Target:
    """One output of a profile, rendered: which adapter, where it writes, and the adapter's own fields.

    `fields` holds every key as written in the profile, secrets included; `secrets` are the values that no log
    may show. `root` is the project's folder, against which relative paths in `fields` are meant.
    """

    profile: str
    name: str
    type: str
    database: str
    schema: str
    threads: int = 4
    root: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What differs between engines beyond spelling, as data."""

    transactional_ddl: bool = True
    create_or_replace_table: bool = False
    create_or_replace_view: bool = True
    rename_relation: bool = True
    merge: bool = False
    merge_by_source: bool = False
    insert_overwrite: bool = False
    materialized_views: bool = False
    indexes: bool = False
    comments: bool = True
    grants: bool = True
    schemas: bool = True
    cascade_drop: bool = True
    enforced_constraints: frozenset[str] = frozenset()
    identifier_length: int = 0
    default_incremental_strategy: str = "append"
    incremental_strategies: frozenset[str] = frozenset({"append", "delete+insert", "microbatch"})
    reads_csv: bool = False
    """dbt loads seeds with the engine's own reader of CSV files: `'` may quote values, the word null is text, and
    offsets of times are dropped."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement gave back: rows as Python values, or the number of rows that it wrote."""

    columns: tuple[Column, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    affected: int | None = None
    message: str = "OK"

    def scalar(self) -> Any:
        """The first value of the first row; None when there is no row."""
        return self.rows[0][0] if self.rows else None


@runtime_checkable
class Connection(Protocol):
    """One session, used by one thread at a time; only `cancel` may be called from another."""

    def execute(self, sql: str) -> Answer:
        """Run one statement, or several separated by semicolons; the last one's answer, fetched whole.

        Raises `DatabaseError`.
        """
        ...

    def read(self, sql: str) -> pyarrow.Table:
        """The rows of a query as Arrow, for bulk. Raises `DatabaseError`."""
        ...

    def load(self, relation: Relation, rows: pyarrow.Table | Any) -> int:
        """Append rows in bulk to an existing table, matched by column name; returns how many were written.

        `rows` is a pyarrow Table or anything with `__arrow_c_stream__`.
        """
        ...

    def relation(self, relation: Relation) -> RelationInfo | None:
        """What stands at that place now, with columns; None when nothing does."""
        ...

    def relations(self, schemas: Sequence[Relation]) -> Sequence[RelationInfo]:
        """All relations (without columns) in the given schemas, by one catalogue query."""
        ...

    def columns(self, query: str) -> Sequence[Column]:
        """The columns that a query would give, without running it."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Everything inside commits together or not at all; does nothing where the engine cannot."""
        ...

    def cancel(self) -> None:
        """Stop what runs now; safe to call from any thread and when nothing runs."""
        ...

    def close(self) -> None:
        """Give the session back; afterwards nothing may be called."""
        ...


@runtime_checkable
class Adapter(Protocol):
    """One warehouse, as one target names it."""

    @property
    def type(self) -> str:
        """The name profiles use: `duckdb`, `postgres` ..."""
        ...

    @property
    def dialect(self) -> str:
        """sqlglot's name for the engine's SQL: all spelling."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """All differences that are not spelling."""
        ...

    def connect(self) -> Connection:
        """A new session. Raises `DatabaseError` when the warehouse cannot be reached."""
        ...

    def close(self) -> None:
        """End every session and give back what the adapter holds."""
        ...


class AdapterFactory(Protocol):
    """What an entry point names: a function from a target to an adapter, and what it asks of a profile."""

    def __call__(self, target: Target) -> Adapter: ...


def adapter_types() -> Sequence[str]:
    """The names of all installed adapters, sorted."""
    return sorted(_installed())


def _installed() -> dict[str, str]:
    """Adapter types with their factories as `module:name`.

    Read from the files of installed distributions, as `importlib.metadata` does; it is asked itself only where
    nothing is found that way (archives, custom finders), since importing it costs more than all the rest here.
    """
    import os
    import sys

    found: dict[str, str] = {}
    for folder in sys.path:
        try:
            names = [name for name in os.listdir(folder or ".") if name.endswith((".dist-info", ".egg-info"))]
        except OSError:
            continue
        for name in names:
            for key, value in _declared(os.path.join(folder, name, "entry_points.txt")):
                found.setdefault(key, value)
    if not found:
        from importlib.metadata import entry_points

        found = {point.name: point.value for point in entry_points(group=ENTRY_POINTS)}
    return found


def _declared(path: str) -> Iterator[tuple[str, str]]:
    """The adapters that one distribution declares."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError):
        return
    _, found, rest = text.partition(f"[{ENTRY_POINTS}]")
    for line in rest.splitlines() if found else ():
        if line.startswith("["):
            return
        name, equals, value = line.partition("=")
        if equals:
            yield name.strip(), value.split("[")[0].strip()


def open_adapter(target: Target) -> Adapter:
    """The adapter for a target. Raises `UsageError` when none of that type is installed, or it cannot be loaded."""
    installed = _installed()
    place = installed.get(target.type)
    if place is None:
        raise UsageError(
            Problem(
                f"no adapter for `type: {target.type}` (target `{target.name}` of profile `{target.profile}`)",
                hint=did_you_mean(target.type, installed)
                or f"installed adapters: {', '.join(sorted(installed)) or 'none'}",
            )
        )
    from importlib import import_module

    module, _, name = place.partition(":")
    try:
        factory: AdapterFactory = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UsageError(Problem(f"the adapter for `type: {target.type}` cannot be loaded: {error}")) from error
    return factory(target)

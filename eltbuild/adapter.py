"""The small door to a warehouse: what an adapter must offer, and how adapters are found.

No SQL is written here: text comes from `eltbuild.sql`, differences that are not spelling are `Capabilities`.
Adapters are found through the entry-point group `eltbuild.adapters`; each entry names a factory
`Callable[[Target], Adapter]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from eltbuild.errors import Problem, UsageError, did_you_mean
from eltbuild.relation import Belongings, Column, Constraint, Relation, RelationInfo
from eltbuild.values import dataclass, field

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
    node_retries: int | None = None
    """How often a node is tried again after a transient error; None for the default."""
    node_timeout: float | None = None
    """Seconds that a node may take."""
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
    external_files: bool = False
    """The engine writes files with COPY, and reads them as tables."""
    indexes: bool = False
    comments: bool = True
    grants: bool = True
    schemas: bool = True
    cascade_drop: bool = True
    enforced_constraints: frozenset[str] = frozenset()
    identifier_length: int = 0
    exact_names: bool = False
    """Quoted names that differ in letter case alone are two."""
    default_incremental_strategy: str = "append"
    incremental_strategies: frozenset[str] = frozenset({"append", "delete+insert", "microbatch"})
    strategy_from_start: bool = True
    """An unknown incremental strategy is refused where the table is built whole, too, as dbt does on most engines."""
    binds_views: bool = False
    """Views hold fast to the very table that stood when they were made: under them it can only be dropped with them."""
    belongings: bool = False
    """`Connection.belongings` is worth asking: a relation that is dropped takes more with it than its rows."""
    session_locks: bool = False
    """`Connection.hold` gives locks that end with their session, however that ends, and that all other sessions see."""
    single_process: bool = False
    """Only one process at a time can have the database open."""
    holds_referenced: bool = False
    """A table that a foreign key points to can be neither dropped nor replaced: such keys are checked, and not made."""
    merge_checks_keys: bool = False
    """MERGE itself refuses two source rows for one target row, before anything is written."""
    layouts: frozenset[str] = frozenset()
    """Configs that name columns by which other kinds of its tables are split or sorted; those of models are not, and a
    value that names no columns is a mistake all the same, as for dbt's adapter."""
    savepoints: bool = False
    """A connection has `savepoint()`, to be entered within a transaction. It gives a function that takes back what was
    done since, a statement that failed included, as often as it is called; and the transaction goes on."""
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

    def belongings(self, relation: Relation) -> Belongings:
        """What hangs on a relation that stands there and would go when it is dropped."""
        ...

    def constraints(self, relation: Relation) -> Sequence[Constraint]:
        """The constraints that a table enforces by itself, but for NOT NULL, which its columns tell."""
        ...

    def loaded_at(self, relation: Relation) -> datetime | None:
        """When rows last came into a table, by what the engine notes of itself; None where it does not tell."""
        ...

    def hold(self, name: str) -> bool:
        """Take the lock of that name for this session, without waiting; False where another session holds it.

        It ends with `release` or with the session, however that ends. True where the engine has no such locks.
        """
        ...

    def release(self, name: str) -> None:
        """Give the lock of that name back; nothing happens where this session does not hold it."""
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
    """One warehouse, as one target names it.

    It may have `problems`, what is odd in the target; and `absent`, whether connecting would make an empty database.
    """

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
    """What an entry point names: a function from a target to an adapter, and what it asks of a profile.

    It may have a text `example`: lines of YAML that a new profile has besides type, schema and threads. It may have a
    function `in_memory` from a target, of whatever type, to one of its own: a database within this process that is
    empty, writes no file, and does as that target asks as far as that is of its type.
    """

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
    return adapter_factory(target.type, f" (target `{target.name}` of profile `{target.profile}`)")(target)


def open_in_memory(like: Target) -> Adapter:
    """An empty database within this process, of the target's own engine where that can be had so, else of another's.

    Nothing is connected to. Raises `UsageError` where no installed adapter has such databases.
    """
    others = [name for name in adapter_types() if name != like.type]
    for name in (like.type, *others):
        factory = adapter_factory(name)
        make = getattr(factory, "in_memory", None)
        if make is not None:
            return factory(make(like))
    raise UsageError(Problem("no installed adapter has databases in memory", hint="install eltbuild with its adapters"))


def open_looking(adapter: Adapter, target: Target) -> Adapter:
    """The target's adapter for whoever only looks: where connecting would make a database, an empty one in memory."""
    return open_in_memory(target) if getattr(adapter, "absent", False) else adapter


def adapter_factory(type: str, where: str = "") -> AdapterFactory:
    """What makes adapters of a type. Raises `UsageError` as `open_adapter` does; `where` tells who asks for it."""
    installed = _installed()
    place = installed.get(type)
    if place is None:
        raise UsageError(
            Problem(
                f"no adapter for `type: {type}`{where}",
                hint=did_you_mean(type, installed) or f"installed adapters: {', '.join(sorted(installed)) or 'none'}",
            )
        )
    from importlib import import_module

    module, _, name = place.partition(":")
    try:
        factory: AdapterFactory = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UsageError(Problem(f"the adapter for `type: {type}` cannot be loaded: {error}")) from error
    return factory

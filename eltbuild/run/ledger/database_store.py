"""Runs and what they built, kept in tables of the target itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from eltbuild.adapter import Connection
from eltbuild.errors import DatabaseError, EltbuildError, Problem, UsageError
from eltbuild.relation import Relation
from eltbuild.state.lines import Remembered
from eltbuild.state.records import Built, Ended, Interval, Observed, Retention, Run
from eltbuild.state.rows import (
    BUILT,
    ENDED,
    HEARD,
    INTERVALS,
    OBSERVED,
    RUNS,
    TABLES,
    aware,
    built_of,
    ended_of,
    interval_of,
    observed_of,
    place,
    run_of,
)
from eltbuild.state.tables import BRIEF, MIGRATIONS, VERSION, Migration, Tables, migration
from eltbuild.values import replace

Row = TypeVar("Row")

PATIENCE = 30.0
"""Seconds to wait for others that look at claims: that takes them milliseconds."""
PAUSE = 0.05
ATTEMPTS = 20
"""How often a run that is dead is ended while one of its nodes is just being committed."""
HEARD_OF = 20
"""Of how many runs it is kept when they were heard of."""
TIDIED = 10
"""How many runs begin between two times that the older ones are forgotten."""
DENIED = frozenset({"42501", "25006"})
"""SQLSTATE: no right to do it; nothing can be written."""


class Forbidden(EltbuildError):
    """The state cannot be kept in this target: the right to do so is missing."""


class DatabaseStore:
    """The state tables of one target, by one session."""

    def __init__(self, connection: Connection, tables: Tables) -> None:
        self.connection = connection
        self.tables = tables
        able = tables.writer.capabilities
        self.sure = able.session_locks
        self.locks = able.session_locks
        self.certain = able.single_process
        self.exact = able.exact_names

    # Layout

    def prepare(
        self, make: bool, steps: Mapping[int, Migration] = MIGRATIONS, newest: int = VERSION, update: bool = False
    ) -> bool | Sequence[str]:
        """Whether the tables stand; made if `make`, and brought up to the newest layout if `make` or `update`.

        Else those of an older layout are read as they are.

        Raises `Forbidden` where they may not be made or used, `UsageError` where what stands there is somebody else's
        or newer than this code.
        """
        schema = self.tables.schema
        found = {info.relation.key[2] for info in self.connection.relations((schema,))}
        names = {table.name for table in TABLES}
        if not found & names:
            if make:
                self._make()
            return make
        if "layout" not in found:
            raise foreign(schema, f"it holds `{min(found & names)}` and no `layout`")
        version = self._version()
        if version > newest:
            raise UsageError(
                Problem(
                    f"the state in `{schema}` has layout {version}, and this eltbuild knows layouts up to {newest}",
                    hint="update eltbuild; nothing has been changed",
                )
            )
        if version < newest:
            if not (make or update):
                self.tables = replace(self.tables, layout=version)
                return True
            self._update(migration(self.tables, version, steps, newest))
            self.tables = replace(self.tables, layout=newest)
            return True
        missing = [table for table in TABLES if table.name not in found]
        if missing and make:
            self._do(tuple(map(self.tables.create_table, missing)))
        return not missing or make

    def _make(self) -> None:
        """Make the tables, and their schema unless it stands: to be asked for it may be refused all the same."""
        try:
            self._do(self.tables.create())
        except DatabaseError as error:
            if error.transient or error.lost:
                raise
            try:
                self._do(self.tables.create()[1:])
            except DatabaseError as again:
                if again.transient or again.lost:
                    raise
                raise Forbidden(Problem(error.message)) from error

    def _update(self, statements: Sequence[str]) -> None:
        """Bring the tables up to date. Raises `Forbidden` where that is somebody else's to do."""
        try:
            self._do(statements)
        except DatabaseError as error:
            if error.code in DENIED:
                raise Forbidden(Problem(f"its layout is to be brought up to date: {error.message}")) from error
            raise

    def _version(self) -> int:
        version = self._ask(self.tables.version()).rows[0][0]
        if not isinstance(version, int):
            raise foreign(self.tables.schema, "its `layout` says no version")
        return version

    def _do(self, statements: Sequence[str]) -> None:
        with self.connection.transaction():
            for statement in statements:
                self.connection.execute(statement)

    def _ask(self, sql: str) -> Any:
        """The answer of a question to tables that should be ours."""
        try:
            return self.connection.execute(sql)
        except DatabaseError as error:
            if error.transient or error.lost:
                raise
            if error.code in DENIED or "permission denied" in error.message.lower():
                raise Forbidden(Problem(error.message)) from error
            raise foreign(self.tables.schema, error.message) from error

    def _records(self, sql: str, read: Callable[[Sequence[Any]], Row]) -> list[Row]:
        try:
            return [read(row) for row in self._ask(sql).rows]
        except (ValueError, TypeError) as error:
            raise foreign(self.tables.schema, str(error)) from error

    # Claims

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Inside, no other run looks at claims, where the engine has locks. Raises `UsageError` after a while."""
        name = f"eltbuild claims {self.tables.schema}"
        deadline = time.monotonic() + PATIENCE
        while not self.connection.hold(name):
            if time.monotonic() > deadline:
                text = f"another session has been looking at claims in `{self.tables.schema}` for {PATIENCE:.0f} s"
                hint = "end it if it hangs: it holds the lock that all runs take for a moment when they begin"
                raise UsageError(Problem(text, hint=hint))
            time.sleep(PAUSE)
        try:
            yield
        finally:
            self.connection.release(name)

    def running(self) -> tuple[Sequence[Run], datetime]:
        """The runs that have not ended, without nodes and arguments, and the time by the database's clock."""
        times: list[datetime] = []

        def read(values: Sequence[Any]) -> Run:
            *brief, heard, now = values
            times.append(now)
            return replace(brief_of(brief), heartbeat=aware(heard))

        runs = self._records(self.tables.running(), read)
        now = aware(times[0]) if times else None
        return runs, now or datetime.now(UTC)

    def unlocked(self, run: Run) -> bool:
        """Whether the lock of that run can be had."""
        name = lock_of(run)
        held = self.connection.hold(name)
        if held:
            self.connection.release(name)
        return held

    def lose(self, run: Run) -> bool:
        """That run has ended as lost, and its sessions with it: what they hold would be waited for.

        False where one of its nodes is being committed all the same.
        """
        for _ in range(ATTEMPTS):
            ended = self.connection.execute(self.tables.end(run, "lost")).affected != 0
            self._end_sessions(run)
            if ended or not self.connection.execute(self.tables.is_running(run)).rows:
                return True
            time.sleep(PAUSE)
        return False

    def _end_sessions(self, run: Run) -> None:
        ending = self.tables.end_marked(run)
        if ending:
            # Without the right to end them, they end in their own time.
            with suppress(DatabaseError):
                self.connection.execute(ending)

    def start(self, run: Run) -> Run:
        """The run is written down under the next number, and this session holds its lock. Raises `Forbidden`."""
        numbers = [int(number) for (number,) in self._ask(self.tables.numbers()).rows]
        latest = max(numbers, default=0)
        started = replace(run, number=max(latest + 1, int(time.time() * 1_000_000)))
        self.connection.hold(lock_of(started))
        try:
            self.connection.execute(self.tables.start(started))
        except DatabaseError as error:
            if error.transient or error.lost:
                raise
            raise Forbidden(Problem(error.message)) from error
        return started

    def withdraw(self, run: Run) -> None:
        """The run is not written down any more."""
        self.connection.execute(self.tables.withdraw(run))
        self.connection.release(lock_of(run))

    def tidy(self, run: Run, latest: int, kept: Retention) -> int:
        """Forget what nobody asks for any more; of how many runs that is. `latest`: how many relations have an event.

        The history is looked at once in a while.
        """
        statements: list[str] = []
        if self._ask(self.tables.count(BUILT)).scalar() > 4 * latest + 2000:
            statements += self.tables.superseded(run.number)
        numbers = sorted(int(number) for (number,) in self._ask(self.tables.numbers()).rows)
        due = len(numbers) % TIDIED == 0
        if due:
            for table, runs in {HEARD: HEARD_OF, ENDED: kept.runs, RUNS: kept.runs}.items():
                statements += [self.tables.forget(table, numbers[-runs])] if len(numbers) > runs else []
            if self._ask(self.tables.count(OBSERVED)).scalar():
                statements.append(self.tables.forget_observed(datetime.now(UTC) - timedelta(days=kept.days)))
        for statement in statements:
            self.connection.execute(statement)
        return max(0, len(numbers) - kept.runs) if due else 0

    # What was built

    def built(self) -> Sequence[Built]:
        """The latest event of each relation, whoever's."""
        return self._records(self.tables.latest_built(), self._built)

    def intervals(self) -> Sequence[Interval]:
        """The latest word on each slice of each table."""
        return self._records(self.tables.latest_intervals(), self._interval)

    def take_over(self, found: Remembered) -> None:
        """What was kept in a file, while there was no place for it here, is kept here from now on."""
        latest = {place(built.relation): built for built in found.built}
        for records in (tuple(latest.values()), tuple(found.intervals)):
            if records:
                self._do((self.tables.take_over(records),))
        if found.observed:
            self._do((self.tables.observing(found.observed),))

    # What was observed

    def observed(self, project: str, home: str) -> Sequence[Observed]:
        """What passing tests have observed of a project from one home, in its order; of older days the last ones."""
        return self._records(self.tables.observed(project, home), observed_of) if self.tables.has(OBSERVED) else []

    def runs(self, project: str, home: str) -> Sequence[Run]:
        """The runs of a project from one home, newest first."""
        return self._records(self.tables.latest(project, home), run_of)

    def named(self, prefix: str) -> Sequence[Run]:
        """The runs whose invocation begins so."""
        return self._records(self.tables.named(prefix), brief_of)

    def of_run(self, run: Run) -> tuple[Sequence[Built], Sequence[Interval], Sequence[Ended]]:
        """What a run has recorded."""
        return (
            self._records(self.tables.of(BUILT, run), self._built),
            self._records(self.tables.of(INTERVALS, run), self._interval),
            self._records(self.tables.of(ENDED, run), ended_of),
        )

    def _built(self, row: Sequence[Any]) -> Built:
        return self.tables.outside(built_of(row))

    def _interval(self, row: Sequence[Any]) -> Interval:
        return self.tables.outside(interval_of(row))


def lock_of(run: Run) -> str:
    """The name of the lock that a run holds as long as it lives."""
    return f"eltbuild run {run.invocation}"


def brief_of(values: Sequence[Any]) -> Run:
    """The run of the brief columns."""
    named = dict(zip(BRIEF, values, strict=True))
    return run_of([named.get(name) for name in RUNS.columns])


def foreign(schema: Relation, why: str) -> UsageError:
    """What stands in the state schema is not what this code has written there."""
    return UsageError(
        Problem(
            f"the schema `{schema}` is not a state that this eltbuild knows: {why}",
            hint="let `state_schema` in the profile's target name another schema; nothing has been changed",
        )
    )

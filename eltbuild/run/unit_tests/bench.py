"""Where unit tests run by default: an empty database in this process's memory, whatever the warehouse is."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from eltbuild.adapter import Adapter, Answer, Target, open_in_memory
from eltbuild.errors import DatabaseError, EltbuildError
from eltbuild.project.resources import NodeId, UnitTest
from eltbuild.quality.unit_tests import Known
from eltbuild.relation import Relation, RelationInfo
from eltbuild.run.commented import Commented
from eltbuild.run.sessions import Connections
from eltbuild.run.stop import Stop
from eltbuild.sql.reading import reads_nothing
from eltbuild.sql.stand_ins import STATEMENTS
from eltbuild.sql.transpile import transpiled
from eltbuild.sql.writer import Writer
from eltbuild.values import dataclass, field

HINT = "--on-target runs unit tests in the warehouse; `config: {on_target: true}` does so for one of them"


@dataclass(frozen=True, slots=True)
class Bench:
    """The database in memory: one session for each thread, opened when it is first asked for."""

    adapter: Adapter
    connections: Connections
    writer: Writer
    statements: Sequence[str] = ()
    """What makes the functions that the project's dialect has and the database in memory lacks."""
    known: dict[NodeId, Known] = field(default_factory=dict)
    """The columns of what the project contains, in the words of the database in memory, as they become known."""
    made: dict[NodeId, EltbuildError | None] = field(default_factory=dict)
    """The functions of the project that were made there, and why the others could not be."""
    making: threading.Lock = field(default_factory=threading.Lock)

    def here(self) -> Commented:
        """This thread's session, with what stands in for functions of the warehouse. Raises `DatabaseError`."""
        is_new = self.connections.mine().lost
        connection = self.connections.here()
        for statement in self.statements if is_new else ():
            connection.execute(statement)
        return connection

    def close(self) -> None:
        """Everything in it is gone."""
        self.connections.close()
        self.adapter.close()


def open_bench(target: Target, stop: Stop, dialect: str) -> Bench:
    """An empty database in memory that does as the target does, as far as it is of that kind. Nothing is opened yet.

    `dialect` is that of the project's texts.
    """
    adapter = open_in_memory(target)
    writer = Writer(adapter.dialect, adapter.capabilities)
    return Bench(adapter, Connections(adapter, stop=stop), writer, STATEMENTS.get((dialect, adapter.dialect), ()))


def runs_on_target(test: UnitTest, flag: object) -> bool:
    """Whether a unit test runs in the warehouse: as the call says, else as its own config does."""
    if isinstance(flag, bool):
        return flag
    own = test.config.get("on_target")
    return own is True or str(own).casefold() == "true"


@dataclass(slots=True)
class Refusing:
    """What templates ask is refused, as there is no warehouse that could tell; but for what no table is read for."""

    bench: Bench | None = None
    dialect: str = ""
    live: bool = True
    asked: bool = False
    """Whether something was asked."""

    def query(self, sql: str) -> Answer | None:
        """The answer to a question that reads no table. Raises `DatabaseError` for all others."""
        if self.bench is None or not reads_nothing(sql, self.dialect):
            raise self._refused(sql)
        return self.bench.here().execute(transpiled(sql, self.dialect, self.bench.writer.dialect))

    def relation(self, relation: Relation) -> RelationInfo | None:
        """Raises `DatabaseError`."""
        raise self._refused(f"describe {relation}")

    @property
    def connection(self) -> None:
        """Raises `DatabaseError`."""
        raise self._refused("")

    def _refused(self, sql: str) -> DatabaseError:
        self.asked = True
        return DatabaseError("there is no warehouse in memory", sql=sql)

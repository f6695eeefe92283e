"""An adapter whose sessions are marked as those of one run."""

from __future__ import annotations

from collections.abc import Callable

from eltbuild.adapter import Adapter, Capabilities, Connection
from eltbuild.values import dataclass


@dataclass(slots=True)
class Marked:
    """The adapter; each session that it opens is marked, once there is a mark."""

    adapter: Adapter
    mark: Callable[[Connection], None] | None = None

    @property
    def type(self) -> str:
        """The adapter's."""
        return self.adapter.type

    @property
    def dialect(self) -> str:
        """The adapter's."""
        return self.adapter.dialect

    @property
    def capabilities(self) -> Capabilities:
        """The adapter's."""
        return self.adapter.capabilities

    def connect(self) -> Connection:
        """A new session, marked. Raises `DatabaseError`."""
        connection = self.adapter.connect()
        if self.mark is not None:
            self.mark(connection)
        return connection

    def close(self) -> None:
        """Every session is closed."""
        self.adapter.close()

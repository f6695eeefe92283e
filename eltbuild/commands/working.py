"""Work that is done outside of a run: nothing is scheduled, nothing is remembered."""

from __future__ import annotations

from typing import Any

from eltbuild.commands.opening import Opened
from eltbuild.commands.reporting import Reporter
from eltbuild.compile.compiler import Compiler
from eltbuild.run.catalogue import Catalogue
from eltbuild.run.events import Message
from eltbuild.run.sessions import Connections
from eltbuild.run.work import Work
from eltbuild.sql.writer import Writer
from eltbuild.values import replace


def work_of(opened: Opened, connections: Connections, reporter: Reporter, **more: Any) -> Work:
    """What doing nodes takes; `more` are further fields of it. What the nodes say is told at once."""

    def say(text: str, level: str, kind: str, node: str | None) -> None:
        if level not in ("debug", "info"):
            reporter.handle(Message(text, level, node, kind))  # type: ignore[arg-type]

    session = replace(opened.session, say=say)
    return Work(
        session=session,
        compiler=Compiler(session),
        connections=connections,
        writer=Writer(opened.adapter.dialect, opened.adapter.capabilities),
        catalogue=Catalogue(opened.adapter.capabilities.exact_names),
        now=session.invocation.started_at,
        **more,
    )

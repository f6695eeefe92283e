"""Whole projects run on a warehouse of the suite, as `eltbuild build` runs them; their state lies in the test's schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conformance.bench import Bench

from eltbuild.commands.execution import Execution
from eltbuild.commands.opening import Opened, Surroundings, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.selecting import choose
from eltbuild.run.events import Finished, Message


@dataclass(slots=True)
class Project:
    """A project whose target is the bench's warehouse and schema."""

    bench: Bench
    root: Path
    name: str = "shop"
    state_schema: str = ""
    """Where its state lies, if not in the test's schema."""
    said: tuple[str, ...] = ()

    def write(self, files: Mapping[str, str]) -> Project:
        """The files stand in the project's folder."""
        given = self.bench.adapter.target.fields
        fields = {**given, "schema": self.bench.schema.schema, "threads": 1}
        fields["state_schema"] = self.state_schema or self.bench.schema.schema
        own = {
            "dbt_project.yml": f"name: {self.name}\nprofile: shop\n",
            "profiles.yml": json.dumps({"shop": {"target": "dev", "outputs": {"dev": fields}}}),
        }
        for path, text in {**own, **files}.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text)
        return self

    @contextmanager
    def opened(self, command: str = "build", **flags: Any) -> Iterator[Opened]:
        """The project, with the bench's adapter: a database in memory is no other's."""
        around = replace(Surroundings.here(), environ={}, cwd=self.root)
        found = open_project(Options(project_dir=str(self.root), **flags), command, around=around)
        yield replace(found, adapter=self.bench.adapter)

    def run(self, command: str = "build", **flags: Any) -> dict[str, Finished]:
        """How each node ended, by its name."""
        with self.opened(command, **flags) as opened:
            execution = Execution(opened=opened, command=command, chosen=choose(opened, command))
            events = list(execution.events())
        self.said = tuple(event.text for event in events if isinstance(event, Message))
        return {event.node.split(".")[2]: event for event in events if isinstance(event, Finished)}


def ended(finished: Mapping[str, Finished], name: str = "orders") -> tuple[str, str]:
    """How a node ended, and the error if there was one."""
    event = finished[name]
    return event.status, event.error.message if event.error else ""

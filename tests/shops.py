"""Projects over a DuckDB file in which others may have built something before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from eltbuild import Project
from eltbuild.run.events import Finished, Message


class Shop:
    """A project; several may share one database."""

    def __init__(self, root: Path, name: str = "shop", path: str = "warehouse.duckdb") -> None:
        self.root = root
        self.name = name
        self.database = root.parent / path
        self.write({"dbt_project.yml": f"name: {name}\nprofile: {name}\n"})
        self.write({"profiles.yml": f"{name}: {{outputs: {{dev: {{type: duckdb, path: '{self.database}'}}}}}}\n"})

    def write(self, files: Mapping[str, str]) -> Shop:
        for path, text in files.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text)
        return self

    def run(self, command: str = "build", **flags: Any) -> dict[str, Finished]:
        """How each node ended, by its name."""
        events = list(Project.load(self.root, environ={}).events(command, write_json=False, **flags))
        self.said = [event.text for event in events if isinstance(event, Message)]
        return {event.node.split(".")[2]: event for event in events if isinstance(event, Finished)}

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.database)) as connection:
            return connection.execute(text).fetchall()

    def standing(self) -> list[str]:
        found = self.sql("select name from (show all tables) where schema <> 'eltbuild' order by name")
        return [name for (name,) in found]

    def kept(self) -> list[str]:
        return [name for name in self.standing() if "__kept_" in name]


def ended(finished: Mapping[str, Finished], name: str = "orders") -> tuple[str, str]:
    event = finished[name]
    return event.status, event.error.message if event.error else ""

"""Every test class of dbt-tests-adapter, collected here under `Test_<area>__<class>`. No test of our own."""

from __future__ import annotations

import importlib
import inspect
import os
import pathlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import stand_in

if os.environ.get("YARD_TOOL", "eltbuild") == "eltbuild":
    # Before any module of the suite is imported: each takes `run_dbt` into its own names.
    stand_in.take_the_place_of_dbt()

import dbt.tests.adapter

pytest_plugins = ["dbt.tests.fixtures.project"]


@pytest.fixture(scope="class")
def dbt_profile_target(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One output of a profile: the database that YARD_DB names."""
    if os.environ.get("YARD_DB") == "postgres":
        place = {"host": "127.0.0.1", "port": int(os.environ["YARD_PORT"]), "dbname": "postgres"}
        return {"type": "postgres", "threads": 4, "user": "postgres", "pass": "x", **place}
    return {"type": "duckdb", "threads": 4, "path": str(tmp_path_factory.mktemp("db") / "test.duckdb")}


def modules() -> Iterator[tuple[str, ModuleType]]:
    """The modules of the suite, each with the area it belongs to."""
    base = pathlib.Path(next(iter(dbt.tests.adapter.__path__)))
    for path in sorted(base.rglob("*.py")):
        parts = path.relative_to(base).with_suffix("").parts
        if parts[-1] not in ("__init__", "conftest"):
            yield parts[0], importlib.import_module(".".join((dbt.tests.adapter.__name__, *parts)))


def has_tests(found: object, module: ModuleType) -> bool:
    """Whether that is a class of this module (not one imported into it) with test methods."""
    if not inspect.isclass(found) or found.__module__ != module.__name__:
        return False
    return any(name.startswith("test") and callable(getattr(found, name)) for name in dir(found))


def classes() -> dict[str, type]:
    """Every class with tests by the name it is collected under."""
    made: dict[str, type] = {}
    for area, module in modules():
        for name, found in list(vars(module).items()):
            if has_tests(found, module):
                key = f"Test_{area}__{name}"
                key = f"{key}_{module.__name__.rpartition('.')[2]}" if key in made else key
                made[key] = type(key, (found,), {"__module__": __name__})
    return made


globals().update(classes())

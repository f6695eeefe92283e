"""What messages call the objects that templates work with."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys

import pytest

import eltbuild.compile
import eltbuild.jinja
from eltbuild.jinja import wording

NAMED = {name for name in wording.NAMES if not name.startswith("_")}


CASES = [
    ("this.schem()", "a relation has no `schem`: did you mean `schema`?"),
    ("this.nope()", "a relation has no `nope`"),
    ("this.nope.more", "a relation has no `nope`"),
    ("this()", "a relation is not callable"),
    ("this + 1", "unsupported operand type(s) for +: a relation and 'int'"),
    ("this.include(nope=1)", "include() got an unexpected keyword argument 'nope'"),
    ("api.Column.creat('a')", "api.Column has no `creat`: did you mean `create`?"),
    ("api.Column.create('a', 'int').is_strin()", "a column has no `is_strin`: did you mean `is_string`?"),
    ("api.Relation.nope()", "api.Relation has no `nope`"),
    ("modules.datetime.timdelta()", "the module has no `timdelta`: did you mean `timedelta`?"),
    ("graph.nope()", "graph has no `nope`"),
    ("var.nope()", "var has no `nope`"),
    ("adapter.get_columns_in_relation()", "adapter.get_columns_in_relation() missing 1 required positional"),
    ("dbt.current_timestamp.nope()", "a macro has no `nope`"),
    ("target.nope()", "'dict object' has no attribute 'nope'"),
    ("'text'.nope()", "'str object' has no attribute 'nope'"),
]


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict[str, str]:
    """What compiling says of each case, by the file of its model."""
    root = tmp_path_factory.mktemp("wording")
    (root / "dbt_project.yml").write_text("name: shop\n")
    (root / "models").mkdir()
    for number, (text, _) in enumerate(CASES):
        (root / f"models/m{number}.sql").write_text("select 1 as id {{ " + text + " }}")
    command = [sys.executable, "-m", "eltbuild", "compile", "--project-dir", str(root)]
    said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout
    return dict(re.findall(r"models/(m\d+)\.sql:[\d:]+ (.*)", said))


@pytest.mark.parametrize("number", range(len(CASES)), ids=[text for text, _ in CASES])
def test_a_member_that_is_not_there(told, number):
    said = told[f"m{number}"]
    assert said.startswith(CASES[number][1])
    assert "eltbuild" not in said
    assert not NAMED & set(re.findall(r"\w+", said))


def test_every_class_that_is_named_is_there():
    found: set[str] = set()
    for package in (eltbuild.compile, eltbuild.jinja):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            found |= {name for name, _ in inspect.getmembers(importlib.import_module(module.name), inspect.isclass)}
    assert set(wording.NAMES) <= found

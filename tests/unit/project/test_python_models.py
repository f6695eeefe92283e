from __future__ import annotations

import pytest

from eltbuild.jinja.mentions import RefCall, SourceCall
from eltbuild.project.python_models import read_python_model

GOOD = """\
import pandas


def helper(x):
    return x


def model(dbt, session):
    dbt.config(materialized="table", packages=["numpy"], meta={"a": [1, None]})
    orders = dbt.ref("orders")
    old = dbt.ref("crm", "customers", v=2)
    raw = dbt.source("raw", "events")
    size = dbt.config.get("size", 3)
    owner = dbt.config.meta_get("owner")

    def inner(y):
        return y, y

    return orders
"""


def test_a_model_is_read() -> None:
    mentions, problems = read_python_model(GOOD, "models/m.py")
    assert problems == ()
    assert mentions.refs == (RefCall("orders", None, None, 10, 14), RefCall("customers", "crm", "2", 11, 11))
    assert mentions.sources == (SourceCall("raw", "events", 12, 11),)
    assert mentions.complete
    assert mentions.config == {
        "materialized": "table",
        "packages": ["numpy"],
        "meta": {"a": [1, None]},
        "config_keys_used": ["size"],
        "config_keys_defaults": [3],
        "meta_keys_used": ["owner"],
        "meta_keys_defaults": [None],
    }


RETURN = "\n    return 1\n"
WRONG = [
    ("x = 1\n", 0, "defines exactly one function `model`, this file defines none"),
    ("def model(dbt, session):\n    return 1\ndef model(dbt, session):\n    return 2\n", 3, "defines 2"),
    ("def model(session):" + RETURN, 1, "takes two parameters"),
    ("def model(session, dbt):" + RETURN, 1, "takes two parameters"),
    ("def model(dbt, session):\n    pass\n", 1, "must return one data frame"),
    ("def model(dbt, session):\n    return 1, 2\n", 1, "must return one data frame"),
    ("async def model(dbt, session):" + RETURN, 1, "cannot be async"),
    ("def model(dbt, session):\n    dbt.ref(x)" + RETURN, 2, "arguments of `dbt.ref` must be literals"),
    ("def model(dbt, session):\n    dbt.ref(f'a{1}')" + RETURN, 2, "arguments of `dbt.ref` must be literals"),
    ("def model(dbt, session):\n    dbt.ref(*['a'])" + RETURN, 2, "arguments of `dbt.ref` must be literals"),
    ("def model(dbt, session):\n    dbt.ref()" + RETURN, 2, "takes the name of a model"),
    ("def model(dbt, session):\n    dbt.ref('a', w=1)" + RETURN, 2, "takes the name of a model"),
    ("def model(dbt, session):\n    dbt.source('a')" + RETURN, 2, "takes two names"),
    ("def model(dbt, session):\n    dbt.config('a')" + RETURN, 2, "takes keyword arguments only"),
    ("def model(dbt, session):\n    dbt.config(**x)" + RETURN, 2, "arguments of `dbt.config` must be literals"),
    ("def model(dbt, session):\n    dbt.config.get(1)" + RETURN, 2, "takes the name of a key"),
    ("def model(dbt session):\n", 1, "not valid Python"),
    ("x = " + "(" * 5000, 1, "not valid Python"),
    ("def model(dbt, session):\n    return '\0'\n", 0, "null bytes"),
]


@pytest.mark.parametrize(("text", "line", "message"), WRONG, ids=[message for _, _, message in WRONG])
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, message: str) -> None:
    _, problems = read_python_model(text, "models/m.py")
    assert len(problems) == 1
    assert message in problems[0].message
    assert problems[0].place is not None
    assert problems[0].place.path == "models/m.py"
    assert problems[0].place.line == line


def test_all_problems_are_told_together() -> None:
    text = "def model(a, b):\n    dbt.ref(x)\n    dbt.source(y)\n"
    _, problems = read_python_model(text, "m.py")
    assert [problem.place.line for problem in problems if problem.place] == [1, 1, 2, 3]


def test_deep_nesting_does_not_crash() -> None:
    text = "def model(dbt, session):\n    return " + "-" * 100_000 + "1\n"
    _, problems = read_python_model(text, "m.py")
    assert problems


def test_warnings_of_the_parser_stay_silent() -> None:
    _, problems = read_python_model("def model(dbt, session):\n    x = '\\d'\n    return x\n", "m.py")
    assert problems == ()

"""Which warnings are errors: what the flags may say, and what then holds for a warning of a name."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import eltbuild
from eltbuild.commands.options import Options
from eltbuild.commands.strictness import DBT_NAMES, NAMES, strictness_of
from eltbuild.errors import Strictness, UsageError

SOURCES = Path(eltbuild.__file__).parent
NAME = re.compile(r"(?:[A-Z]+[a-z0-9]+){2,}|Circle")
CALLS = {"Problem", "report", "replace"}


def refused(name: str, **given: object) -> bool:
    return strictness_of(Options(**given)).refuses(name)  # type: ignore[arg-type]


def test_what_is_listed_is_an_error() -> None:
    options = {"error": ["LogTestResult"]}
    assert refused("LogTestResult", warn_error_options=options)
    assert not refused("NoNodesForSelectionCriteria", warn_error_options=options)


@pytest.mark.parametrize(
    "given",
    [
        {"warn_error_options": {"error": "all", "warn": ["LogTestResult"]}},
        {"warn_error_options": {"include": "*", "exclude": ["LogTestResult"]}},
        {"warn_error": True, "warn_error_options": {"warn": ["LogTestResult"]}},
        {"warn_error_options": {"error": "all", "silence": ["LogTestResult"]}},
    ],
)
def test_what_is_spared_or_silenced_is_none(given: dict[str, object]) -> None:
    assert not refused("LogTestResult", **given)
    assert refused("JinjaLogWarning", **given)


def test_deprecations_stand_for_all_of_them() -> None:
    assert refused("SourceOverrideDeprecation", warn_error_options={"error": ["Deprecations"]})
    assert not refused("LogTestResult", warn_error_options={"error": ["Deprecations"]})
    spared = {"error": ["Deprecations"], "warn": ["SourceOverrideDeprecation"]}
    assert not refused("SourceOverrideDeprecation", warn_error_options=spared)
    assert strictness_of(Options(warn_error_options={"silence": ["Deprecations"]})).silences("TestsConfigDeprecation")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"errr": "all"}, "did you mean `error`?"),
        ({"error": ["LogTestRslt"]}, "did you mean `LogTestResult`?"),
        ({"silence": "all"}, "`silence` of --warn-error-options must be a list of names"),
        ({"error": "some"}, "must be a list of names, or `all`"),
        ({"error": [1]}, "must be a list of names, or `all`"),
        ({"error": ["LogTestResult"], "warn": ["NothingToDo"]}, "give {error: all, warn: [...]}"),
        ({"error": "all", "include": "all"}, "`include` and `error` of --warn-error-options are one thing"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        strictness_of(Options(warn_error_options=given))


def test_what_templates_are_told_can_be_read_again() -> None:
    for strictness in (Strictness(), Strictness(True, spared=frozenset("ab")), Strictness(errors=frozenset("ab"))):
        assert Strictness.of(strictness.told()) == strictness


def test_every_warning_can_be_listed() -> None:
    used = {name for file in SOURCES.rglob("*.py") for name in _names(ast.parse(file.read_text(encoding="utf-8")))}
    assert "NoNodesForSelectionCriteria" in used
    assert used - {*NAMES.split(), *DBT_NAMES.split()} == set()


def _names(tree: ast.AST) -> set[str]:
    """The names that problems have in a file."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    given = [
        value
        for call in calls
        if getattr(call.func, "id", getattr(call.func, "attr", "")) in CALLS
        for value in (*call.args[4:], *(keyword.value for keyword in call.keywords if keyword.arg == "name"))
    ]
    texts = (value.value for value in given if isinstance(value, ast.Constant) and isinstance(value.value, str))
    return {text for text in texts if NAME.fullmatch(text)}

"""Four hundred selections, each with the answer that dbt gives on the same project."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from test_mutations import written

from eltbuild.commands.opening import Opened, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.selecting import choose
from eltbuild.report.listing import listing

FIXTURES = Path(__file__).parent / "fixtures" / "selection"
FLAGS = {"--select": "select", "--exclude": "exclude", "--resource-type": "resource_type"}


def answers() -> Iterator[tuple[str, list[str]]]:
    """Each call with the resources that it lists."""
    call, found = "", list[str]()
    for line in (FIXTURES / "answers.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("$ "):
            if call:
                yield call, found
            call, found = line[2:], []
        elif not line.startswith("#"):
            found.append(line)
    yield call, found


def options(call: str, root: Path) -> Options:
    """The flags of a call."""
    given: dict[str, tuple[str, ...]] = {}
    flag = ""
    for word in call.split():
        if word.startswith("--"):
            flag = word
        elif flag == "--indirect-selection":
            given["indirect_selection"] = (word,)
        else:
            given[FLAGS[flag]] = (*given.get(FLAGS[flag], ()), word)
    indirect = given.pop("indirect_selection", (None,))[0]
    return Options(project_dir=str(root), indirect_selection=indirect, **given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    root = written(FIXTURES / "project.md", tmp_path_factory.mktemp("selection"))
    return open_project(Options(project_dir=str(root)), "ls")


def test_there_are_answers() -> None:
    assert len(list(answers())) == 400


@pytest.mark.parametrize("part", range(10))
def test_selections(part: int, opened: Opened) -> None:
    for call, expected in list(answers())[part::10]:
        asked = replace(opened, options=options(call, opened.root))
        rows = listing(choose(asked, "ls").resources(opened.project), opened.project)
        assert sorted(rows) == expected, call

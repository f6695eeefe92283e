from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eltbuild.errors import Problem, ProjectError
from eltbuild.project.environment import load_environment
from eltbuild.secrecy import is_secret_variable as is_secret


def loaded(root: Path, text: str, environ: Mapping[str, str] | None = None) -> Mapping[str, str]:
    (root / ".env").write_text(text)
    return load_environment(root, environ or {})


def test_without_a_file_the_environment_is_that_of_the_process(tmp_path: Path) -> None:
    assert load_environment(tmp_path, {"A": "1"}) == {"A": "1"}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("X=1", "1"),
        ("export X=1", "1"),
        ("  X  =  two words  # comment", "two words"),
        ("X=a#b", "a#b"),
        ("X=# all comment", ""),
        ("X=", ""),
        ('X="quoted # no comment" # comment', "quoted # no comment"),
        ("X='single \\n'", "single \\n"),
        ('X="line\\nbreak \\"q\\" \\\\"', 'line\nbreak "q" \\'),
        ('X="several\nlines"', "several\nlines"),
        ("X='several\nlines'", "several\nlines"),
        ("X=${HOME}-x", "/root-x"),
        ('X="${HOME}"', "/root"),
        ("X='${HOME}'", "/root"),
        ("X=${NONE}", ""),
        ("X=${NONE:-other}", "other"),
        ("X=$HOME", "$HOME"),
        ("X=`x`$(x)", "`x`$(x)"),
        ("X=1\r", "1"),
        ("\ufeffX=1", "1"),
    ],
)
def test_values(tmp_path: Path, line: str, value: str) -> None:
    assert loaded(tmp_path, line + "\n", {"HOME": "/root"})["X"] == value


def test_names_may_refer_to_those_before(tmp_path: Path) -> None:
    assert loaded(tmp_path, "A=1\nB=${A}2\nC=${B}3")["C"] == "123"


def test_the_process_is_stronger(tmp_path: Path) -> None:
    found = loaded(tmp_path, "A=file\nB=${A}\nC=file", {"A": "process"})
    assert found == {"A": "process", "B": "process", "C": "file"}


def test_lines_that_cannot_be_read_are_told_without_their_values(tmp_path: Path) -> None:
    text = 'A=1\n=hunter2\nB="hunter2\nC=3\n\nD="x" hunter2\nNAME\n'
    with pytest.raises(ProjectError) as caught:
        loaded(tmp_path, text)
    assert [str(problem.place) for problem in caught.value.problems] == [".env:2", ".env:3", ".env:6", ".env:7"]
    assert "hunter2" not in str(caught.value)
    problems: list[Problem] = []
    assert load_environment(tmp_path, {}, problems) == {"A": "1", "C": "3"}
    assert {problem.severity for problem in problems} == {"warning"}


def test_lines_after_a_value_of_several_lines_are_counted(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        loaded(tmp_path, 'A="1\n2\n3"\n!!!=\n=\n')
    assert str(caught.value.problems[0].place) == ".env:5"


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="AB=\"'\\\n #${}:-x\0é", max_size=40))
def test_any_text_is_read_or_told(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    root = tmp_path_factory.mktemp("env")
    (root / ".env").write_text(text)
    problems: list[Problem] = []
    found = load_environment(root, {}, problems)
    assert all(isinstance(value, str) and "\0" not in value for value in found.values())


def test_secrets_are_known_by_their_names() -> None:
    assert is_secret("DBT_ENV_SECRET_TOKEN")
    assert is_secret("ELTBUILD_ENV_SECRET_X")
    assert not is_secret("DBT_TOKEN")

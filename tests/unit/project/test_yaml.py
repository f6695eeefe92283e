from __future__ import annotations

import datetime
import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eltbuild.errors import Problem, ProjectError
from eltbuild.project.yaml import DEPTH_LIMIT, Listed, Mapped, load_yaml

FILE = """\
version: 2

models:
  - name: orders
    config: {materialized: table, tags: [a, "b"]}
    columns:
      - name: id
        data_tests:
          - not_null
          - unique:
              config:
                severity: warn
  - name: customers
    description: >
      Folded
      text
    meta: {since: 2024-01-01, at: 2024-01-01 10:00:00, on: yes, none: ~, big: 1_000, octal: 010, float: 1.5e+3}
"""


def failure(text: str, **options: Any) -> Problem:
    with pytest.raises(ProjectError) as caught:
        load_yaml(text, "models/a.yml", **options)
    (problem,) = caught.value.problems
    return problem


def where(problem: Problem) -> tuple[int, int]:
    assert problem.place is not None
    assert problem.place.path == "models/a.yml"
    return problem.place.line, problem.place.column


def test_values_are_those_of_pyyaml() -> None:
    assert load_yaml(FILE, "a.yml") == yaml.safe_load(FILE)


def test_mappings_know_where_their_keys_stand() -> None:
    value = load_yaml(FILE, "a.yml")
    assert isinstance(value, Mapped)
    orders = value["models"][0]
    assert (orders.line, orders.column) == (4, 5)
    assert orders.place_of("config") == (5, 5)
    assert orders["config"].place_of("tags") == (5, 35)
    assert orders.place_of("absent") == (4, 5)


def test_lists_know_where_their_items_stand() -> None:
    value = load_yaml(FILE, "a.yml")
    models = value["models"]
    assert isinstance(models, Listed)
    assert [models.place_of(index) for index in (0, 1)] == [(4, 5), (13, 5)]
    assert models[0]["columns"][0]["data_tests"].place_of(0) == (9, 13)
    assert models.place_of(7) == (models.line, models.column)


@pytest.mark.parametrize("text", ["12:30", "1:30.5", "190:20:30", "-1:30"])
def test_numbers_to_the_base_of_sixty_are_text(text: str) -> None:
    assert load_yaml(f"at: {text}", "a.yml") == {"at": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True),
        ("Off", False),
        ("010", 8),
        ("0x1F", 31),
        ("1_000", 1000),
        ("1e5", "1e5"),
        ("y", "y"),
        ("~", None),
        ("", None),
        ("=", "="),
        ("'<<'", "<<"),
        ("!!str 12", "12"),
        ("!!int '12'", 12),
        ("! 12", "12"),
        ("2024-02-29", datetime.date(2024, 2, 29)),
        ("2024-02-29T10:00:00Z", datetime.datetime(2024, 2, 29, 10, tzinfo=datetime.UTC)),
    ],
)
def test_scalars(text: str, value: object) -> None:
    found = load_yaml(f"a: {text}", "a.yml")["a"]
    assert found == value
    assert type(found) is type(value)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789+-._eExXoObBinfINFNaAyYnNtTrRuUlLsS~:", min_size=1, max_size=12))
@example("0b_")
@example("0x_")
@example("._")
def test_plain_scalars_agree_with_pyyaml(text: str) -> None:
    try:
        expected = yaml.safe_load(f"a: {text}")
    except (yaml.YAMLError, ValueError):
        return
    if isinstance(expected, dict) and (":" not in text) and list(expected) == ["a"]:
        found = load_yaml(f"a: {text}", "a.yml")
        assert repr(found["a"]) == repr(expected["a"])


def test_merge_keys() -> None:
    text = "base: &b {x: 1, y: 1}\nmore: &m {y: 2, w: 0}\nown:\n  z: 3\n  <<: [*b, *m]\n  x: 9\n"
    value = load_yaml(text, "a.yml")
    assert value == yaml.safe_load(text)
    assert list(value["own"]) == list(yaml.safe_load(text)["own"])
    assert value["own"].place_of("x") == (6, 3)
    assert value["own"].place_of("w") == (2, 17)


def test_a_key_written_twice_is_a_warning_and_the_last_counts() -> None:
    problems: list[Problem] = []
    assert load_yaml("a: 1\nb: 2\na: 3\n", "models/a.yml", problems) == {"a": 3, "b": 2}
    (problem,) = problems
    assert problem.severity == "warning"
    assert problem.name == "DuplicateYAMLKeysDeprecation"
    assert where(problem) == (3, 1)
    assert "line 1" in problem.hint


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "\ufeff", "\n\n"])
def test_an_empty_file_is_nothing(text: str) -> None:
    assert load_yaml(text, "a.yml") is None


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert load_yaml("\ufeffa: 1", "a.yml") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "place", "words", "hint"),
    [
        ("a:\n\tb: 1", (2, 1), "not valid YAML", "tabs"),
        ("a: 'x\nb: 1\n", (1, 4), "never closed", "closing quote"),
        ('a:\n  b: "x\n', (2, 6), "never closed", "closing quote"),
        ("a: {{ var('x') }}\n", (1, 5), "cannot be a key", '"{{ ... }}"'),
        ("a: {{ x }}-y\n", None, "", '"{{ ... }}"'),
        ("a:\n  - {% if x %}\n", (2, 6), "not valid YAML", '"{{ ... }}"'),
        ("a: 1\nname:foo\nb: 2", (2, 1), "not valid YAML", "space is missing after the colon"),
        ("d: this: that", (1, 8), "mapping values", "quotes"),
        ("a: >=1.0", (1, 5), "not valid YAML", "quotes"),
        ("a: [>=1.0, <2]", (1, 5), "not valid YAML", "quotes"),
        ("a: @foo", (1, 4), "not valid YAML", "quotes"),
        ("a:\n  b: 1\n c: 2", (3, 2), "not valid YAML", "indentation"),
        ("a: 1\n---\nb: 2", (2, 1), "second document", "---"),
        ("[1, 2]: 3", (1, 1), "cannot be a key", "quotes"),
        ("a: *b", (1, 4), "names no anchor", "asterisk"),
        ("a: &a [*a]", (1, 8), "stands inside", ""),
        ("a: !!python/object:os.system x", (1, 4), "means nothing here", "exclamation"),
        ("a: !!python/object/apply:os.system [x]", (1, 4), "means nothing here", "exclamation"),
        ("a: !!set {x}", (1, 4), "!!set", "exclamation"),
        ("a: 2024-02-30", (1, 4), "date", "quotes"),
        ("a: 0b_", (1, 4), "whole number", "quotes"),
        ("a: " + "9" * 5000, (1, 4), "whole number", "quotes"),
        ("b: {<<: 3}", (1, 5), "`<<`", "alias"),
        ("a: x\0y", (1, 5), "U+0000", "escape"),
        ("a: b\nc: ü\x07", (2, 5), "U+0007", "escape"),
        ("a: \ud800", (1, 4), "half of a pair", ""),
    ],
)
def test_what_cannot_be_read_says_where_and_how_to_mend_it(
    text: str, place: tuple[int, int] | None, words: str, hint: str
) -> None:
    problem = failure(text)
    if place is not None:
        assert where(problem) == place
    assert words in problem.message
    assert hint in problem.hint


def bombs() -> dict[str, str]:
    names = list(zip("abcdefgh", "bcdefghi", strict=True))
    lists = "".join(f"{c}: &{c} [{','.join(['*' + p] * 9)}]\n" for p, c in names)
    merges = "".join(f"{c}: &{c} {{<<: [{','.join(['*' + p] * 9)}]}}\n" for p, c in names)
    chain = "".join(f"k{i}: &n{i} {'[' * 150}*n{i - 1}{']' * 150}\n" for i in range(1, 9))
    return {
        "aliases": "a: &a [x,x,x,x,x,x,x,x,x]\n" + lists,
        "merges": "a: &a {x: 1, y: 2}\n" + merges,
        "brackets": "[" * 100_000,
        "bracket lines": "[\n" * 100_000,
        "braces": "{" * 100_000,
        "keys and braces": "{a: " * 100_000,
        "dashes": "- " * 100_000,
        "questions": "? " * 100_000,
        "indentation": "\n".join(" " * i + "a:" for i in range(3000)),
        "depth through aliases": "k0: &n0 x\n" + chain,
    }


@pytest.mark.parametrize("name", bombs())
def test_bombs_are_refused(name: str) -> None:
    problem = failure(bombs()[name])
    assert "deeper than" in problem.message or "with its aliases" in problem.message


def test_the_limit_of_depth_is_what_can_be_read() -> None:
    assert load_yaml("[" * DEPTH_LIMIT + "]" * DEPTH_LIMIT, "a.yml") is not None
    assert "deeper" in failure("[" * (DEPTH_LIMIT + 1) + "]" * (DEPTH_LIMIT + 1)).message


def test_a_file_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eltbuild.project.yaml.SIZE_LIMIT", 100)
    assert "larger than" in failure("a: " + "x" * 200).message


@pytest.mark.parametrize(
    "text", ["p: *hunter2", "p: !hunter2 x", "hunter2: 1\nhunter2: 2", "p: 'hunter2", "p: {{ hunter2 }}"]
)
def test_private_files_are_not_repeated(text: str) -> None:
    problems: list[Problem] = []
    try:
        load_yaml(text, "profiles.yml", problems, private=True)
    except ProjectError as error:
        problems += error.problems
    assert problems
    assert "hunter2" not in "\n".join(map(str, problems))


CORPUS = [
    FILE,
    *list(bombs().values())[:2],
    "a: &x {k: [1, 2, {b: c}]}\nb:\n  <<: *x\n  'q u': \"d\\n\"\n? complex\n: value\n",
    "list:\n- |\n  block\n- >-\n  folded\n",
    "{% docs x %}\n{{ y }}: '{{ var(\"z\") }}'\n# comment\n--- !!map\n%YAML 1.1\n...\n",
]
PIECES = [
    "\t",
    "[",
    "]",
    "{",
    "}",
    ": ",
    "- ",
    "&a ",
    "*a",
    "!!int ",
    "!x ",
    "'",
    '"',
    "\n",
    "---\n",
    "<<: ",
    "? ",
    "|",
    "\0",
    "{{",
]


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, len(CORPUS) - 1), st.integers(1, 12))
def test_broken_files_raise_nothing_but_project_errors(seed: int, which: int, changes: int) -> None:
    dice = random.Random(seed)
    text = CORPUS[which][:2000]
    for _ in range(changes):
        at = dice.randrange(len(text) + 1)
        match dice.randrange(3):
            case 0:
                text = text[:at] + text[at + dice.randrange(1, 5) :]
            case 1:
                text = text[:at] + dice.choice(PIECES) + text[at:]
            case _:
                text = text[:at] + chr(dice.choice([dice.randrange(128), dice.randrange(0x11000)])) + text[at + 1 :]
    read_or_refused(text)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    read_or_refused(text)


def read_or_refused(text: str) -> None:
    try:
        load_yaml(text, "a.yml", [])
    except ProjectError as error:
        (problem,) = error.problems
        assert problem.place is not None
        assert problem.place.line <= text.count("\n") + text.count("\r") + text.count("\x85") + 2
        assert problem.message


def test_the_example_project_is_read(tmp_path: Path) -> None:
    root = Path(__file__).parents[3] / "example_project"
    files = sorted(path for path in root.rglob("*.yml") if "target" not in path.parts)
    assert files
    for path in files:
        text = path.read_text()
        assert load_yaml(text, path.name) == yaml.safe_load(text)

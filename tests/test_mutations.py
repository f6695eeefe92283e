"""Broken input of every kind: 200 mutations of a good project, each read by `parse`.

Whatever a file holds, the answer is an exit code of 0, 1 or 2 and words for a person: no traceback, no hang, and
nothing of what stands in the database is touched. The mutations are the same in every run.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import random
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scenarios.harness import FAULT, read

from eltbuild.cli import main

NUMBER = 200
SECONDS = 120
"""What takes longer hangs: each is read in a tenth of a second."""
PROJECT = Path(__file__).parent / "fixtures" / "mutations" / "project.md"
"""A project as in the scenarios: one fenced block for each file."""


def truncated(dice: random.Random, text: str) -> str:
    return text[: dice.randrange(len(text) + 1)]


def line_twice(dice: random.Random, text: str) -> str:
    lines = text.splitlines(keepends=True)
    at = dice.randrange(len(lines))
    return "".join([*lines[: at + 1], *lines[at:]])


def line_gone(dice: random.Random, text: str) -> str:
    lines = text.splitlines(keepends=True)
    del lines[dice.randrange(len(lines))]
    return "".join(lines)


def lines_swapped(dice: random.Random, text: str) -> str:
    lines = text.splitlines(keepends=True)
    one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return "".join(lines)


def characters_swapped(dice: random.Random, text: str) -> str:
    at = dice.randrange(max(len(text) - 1, 1))
    return text[:at] + text[at : at + 2][::-1] + text[at + 2 :]


def without_bracket(dice: random.Random, text: str) -> str:
    places = [found.start() for found in re.finditer(r"[][(){}%'\":]", text)]
    at = dice.choice(places) if places else 0
    return text[:at] + text[at + 1 :]


def bracket_more(dice: random.Random, text: str) -> str:
    at = dice.randrange(len(text) + 1)
    return (
        text[:at] + dice.choice(["{{", "}}", "{%", "%}", "{#", "[", "]", "{", "}", "'", '"', "`", "|", ">"]) + text[at:]
    )


STRANGE = (
    "\x00", "\x00\x01\x02\xff\xfe", "\ufeff", "\u202e", "\U0001f600", "é", "\u2028", "\t", "\r", "\x1b[31m", "&a", "*a",
    "!!python/object:os.system", "<<: *a", "---\n", "%YAML 9.9\n", "? : -", "\\", "{{ '\\ud800' }}", "\ud7ff",
)  # fmt: skip


def strange_inserted(dice: random.Random, text: str) -> str:
    at = dice.randrange(len(text) + 1)
    return text[:at] + dice.choice(STRANGE) + text[at:]


def number_inserted(dice: random.Random, text: str) -> str:
    at = dice.randrange(len(text) + 1)
    numbers = [
        "9" * 5000,
        "-1",
        "1e999",
        ".nan",
        "0x" + "f" * 300,
        "99999999999999999999",
        "0b1",
        "1_000",
        "2024-99-99",
    ]
    return text[:at] + dice.choice(numbers) + text[at:]


def value_replaced(dice: random.Random, text: str) -> str:
    values = ["null", "true", "[]", "{}", "[1, [2, [3]]]", "{a: {b: c}}", "9" * 40, "''", "'{{ x }}'", "'{{ 1 / 0 }}'"]
    places = list(re.finditer(r"(?<=: )\S[^\n]*", text)) or list(re.finditer(r"\S+", text))
    if not places:
        return dice.choice(values)
    found = dice.choice(places)
    return text[: found.start()] + dice.choice(values) + text[found.end() :]


def key_renamed(dice: random.Random, text: str) -> str:
    places = list(re.finditer(r"\b[a-z_]+(?=\s*[:=(])", text)) or list(re.finditer(r"\w+", text))
    if not places:
        return text
    found = dice.choice(places)
    word = found[0]
    new = dice.choice([word + "x", word[::-1], word.upper(), word[:-1], "__class__", "self", "", word + " " + word])
    return text[: found.start()] + new + text[found.end() :]


def nested_deeply(dice: random.Random, text: str) -> str:
    depth = dice.choice([50, 500, 5_000])
    opened, closed = dice.choice(
        [("[", "]"), ("{a: ", "}"), ("{{ (", ") }}"), ("{% if x %}", "{% endif %}"), ("(", ")")]
    )
    at = dice.randrange(len(text) + 1)
    return text[:at] + opened * depth + closed * depth + text[at:]


def repeated(dice: random.Random, text: str) -> str:
    return text * dice.choice([2, 20])


def emptied(dice: random.Random, text: str) -> str:
    return dice.choice(["", "\n", " ", "#", "--", "{#", "- ", "x"])


def in_other_letters(dice: random.Random, text: str) -> str:
    return text.swapcase()


Mutation = Callable[[random.Random, str], str]
MUTATIONS: tuple[Mutation, ...] = (
    truncated, line_twice, line_gone, lines_swapped, characters_swapped, without_bracket, bracket_more,
    strange_inserted, number_inserted, value_replaced, key_renamed, nested_deeply, repeated, emptied, in_other_letters,
)  # fmt: skip


def as_bytes(dice: random.Random, text: str) -> bytes:
    """Mostly UTF-8; at times other bytes."""
    encoding = dice.choice(["utf-8"] * 17 + ["utf-16", "latin-1", "utf-8-sig"])
    data = text.encode(encoding, "replace")
    if dice.random() < 0.05:
        at = dice.randrange(len(data) + 1)
        data = data[:at] + bytes(dice.randrange(256) for _ in range(20)) + data[at:]
    return data


def mutated(root: Path, number: int) -> str:
    """Change one or two files of the project as the number says; what was done, in words."""
    dice = random.Random(number)
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.suffix != ".duckdb")
    told = []
    for _ in range(dice.choice([1, 1, 2])):
        path, mutation = dice.choice(files), MUTATIONS[dice.randrange(len(MUTATIONS))]
        text = path.read_bytes().decode("utf-8", "replace") or " "
        path.write_bytes(as_bytes(dice, mutation(dice, text)))
        told.append(f"{mutation.__name__} of {path.relative_to(root).as_posix()}")
    return ", ".join(told)


def called(*arguments: str) -> tuple[int, str]:
    """The exit code of a command and all that it printed."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        try:
            main(arguments)
        except SystemExit as left:
            return int(left.code or 0), shown.getvalue()
    raise AssertionError("the command did not leave")


@contextlib.contextmanager
def plain_environment(home: Path) -> Iterator[None]:
    before = dict(os.environ)
    for name in before:
        if name.startswith(("DBT_", "ELTBUILD_")):
            del os.environ[name]
    os.environ["HOME"] = str(home)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def written(story: Path, root: Path) -> Path:
    """The files of a story, written below a folder."""
    for part in read(story.read_text(encoding="utf-8")).files:
        path = root / part.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(part.text, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as it should be, built once."""
    root = written(PROJECT, tmp_path_factory.mktemp("good") / "project")
    with plain_environment(root.parent):
        code, printed = called("build", "--project-dir", str(root))
    assert code == 0, printed
    shutil.rmtree(root / "target")
    shutil.rmtree(root / "logs")
    return root


def digest(root: Path) -> str:
    return hashlib.sha256((root / "shop.duckdb").read_bytes()).hexdigest()


@pytest.mark.parametrize("number", range(NUMBER))
def test_mutation(number: int, good: Path, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(good, root)
    told = mutated(root, number)
    before = digest(root)
    began = time.monotonic()
    with plain_environment(tmp_path):
        code, printed = called("parse", "--project-dir", str(root))
    assert time.monotonic() - began < SECONDS, told
    assert code in (0, 1, 2), told
    assert FAULT not in printed, f"{told}\n{printed}"
    assert "Traceback" not in printed, f"{told}\n{printed}"
    assert "\x1b" not in printed, f"{told}: a control character reached the terminal"
    assert digest(root) == before, f"{told}: the database was written to"
    assert code == 0 or "[ERROR]" in printed or "Error" in printed, f"{told}: it failed without a word"

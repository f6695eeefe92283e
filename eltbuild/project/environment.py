"""Environment variables as a project may read them: those of the process, and those of its `.env`.

The values of `.env` appear in no message.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from eltbuild.errors import Place, Problem, ProjectError
from eltbuild.project.read import read_file
from eltbuild.values import replace

FILE = ".env"

_NAME = re.compile(r"[ \t]*(?:export[ \t]+)?(?:'([^'\n=]+)'|([^\s=#'\"]+))[ \t]*(?:=[ \t]*|(?=[#\n]|$))")
_QUOTED = {
    "'": re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL),
    '"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL),
}
_ESCAPES = {"'": re.compile(r"\\([\\'])"), '"': re.compile(r"\\([\\'\"abfnrtv])")}
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_REST = re.compile(r"[ \t]*(?:#[^\n]*)?(?=\n|$)")
_COMMENT = re.compile(r"(?:^|\s+)#.*")
_REFERENCE = re.compile(r"\$\{([^}:]*)(?::-([^}]*))?\}")


def load_environment(
    root: Path, environ: Mapping[str, str], problems: list[Problem] | None = None
) -> Mapping[str, str]:
    """`environ`, and under it what `.env` in the project's folder says: the process is the stronger one.

    Lines that cannot be read are left out and go to `problems` as warnings; without it they raise
    `ProjectError`.
    """
    if not os.path.isfile(os.path.join(root, FILE)):
        return environ
    found: dict[str, str] = {}
    wrong: list[Problem] = []
    for line, assignment in _assignments(read_file(root, FILE, "").text.replace("\r\n", "\n")):
        if isinstance(assignment, str):
            wrong.append(Problem(assignment, Place(FILE, line), "write NAME=value, and quotes around special values"))
            continue
        name, text = assignment
        value = _expanded(text, found, environ)
        if "\0" in value or "\0" in name:
            wrong.append(Problem("a NUL character is not allowed here", Place(FILE, line)))
        else:
            found[name] = value
    if problems is not None:
        problems.extend(replace(problem, severity="warning") for problem in wrong)
    elif wrong:
        raise ProjectError(*wrong)
    return {**found, **environ}


def _assignments(text: str) -> Iterator[tuple[int, str | tuple[str, str]]]:
    """Each assignment with its line: name and value, or what is wrong with it."""
    position, line = 0, 1
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        row = text[position:end].strip()
        if row and not row.startswith("#"):
            match = _NAME.match(text, position, end)
            if match is None:
                yield line, "this line is no assignment"
            elif "=" not in match[0]:
                yield line, f"`{match[1] or match[2]}` is given no value"
            else:
                value, after = _value(text, match.end(), end)
                name = match[1] or match[2]
                yield line, (name, value) if value is not None else f"the value of `{name}` cannot be read"
                line += text.count("\n", position, after)
                end = after
        position, line = end + 1, line + 1


def _value(text: str, start: int, end: int) -> tuple[str | None, int]:
    """The value at a position (None when it cannot be read), and where its last line ends."""
    quote = text[start : start + 1] if start < end else ""
    if quote not in _QUOTED:
        return _COMMENT.sub("", text[start:end]).rstrip(), end
    match = _QUOTED[quote].match(text, start)
    rest = _REST.match(text, match.end()) if match else None
    if match is None or rest is None:
        return None, end
    return _ESCAPES[quote].sub(lambda escape: _ESCAPED.get(escape[1], escape[1]), match[1]), rest.end()


def _expanded(text: str, found: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """The text with each `${NAME}` replaced by its value, or the default of `${NAME:-default}`, or nothing."""
    if "${" not in text:
        return text
    names = (environ, found)

    def value(match: re.Match[str]) -> str:
        return next((known[match[1]] for known in names if match[1] in known), match[2] or "")

    return _REFERENCE.sub(value, text)

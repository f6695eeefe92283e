"""The keys of incremental models and snapshots: columns where they can be, else expressions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from eltbuild.errors import CompileError, Problem, did_you_mean
from eltbuild.project.resources import Node
from eltbuild.relation import Column
from eltbuild.values import dataclass

WORD = re.compile(r"[^\W\d]\w*")
QUOTED = re.compile(r'"((?:[^"]|"")+)"|`((?:[^`]|``)+)`|\[([^\]]+)\]')


@dataclass(frozen=True, slots=True)
class Key:
    """One part of a key. `column` is the name as the query gives it; empty where `text` is an expression."""

    text: str
    column: str = ""


def listed(given: object) -> tuple[str, ...]:
    """A config that takes one text or a list of them, as texts. None and empty texts are left out."""
    if given is None or given is False:
        return ()
    items = given if isinstance(given, (list, tuple)) else (given,)
    return tuple(str(item) for item in items if item is not None and str(item).strip())


def keys_of(given: object, columns: Sequence[Column], node: Node, what: str = "unique_key") -> tuple[Key, ...]:
    """The parts of a key. `a, b` in one text are two columns where the query has both.

    Raises `CompileError` for a plain name that the query does not give.
    """
    texts = listed(given)
    if len(texts) == 1 and "," in texts[0]:
        parts = tuple(part.strip() for part in texts[0].split(","))
        if all(column_named(part, columns) for part in parts):
            texts = parts
    return tuple(_key(text, columns, node, what) for text in texts)


def column_named(text: str, columns: Sequence[Column]) -> str:
    """The name of the column that the text means, as the query gives it; empty where none is meant.

    The exact name comes first, then the name with quotes off, then letter case is let go.
    """
    names = [column.name for column in columns]
    if text in names:
        return text
    quoted = QUOTED.fullmatch(text)
    bare = next(group for group in quoted.groups() if group).replace('""', '"') if quoted else text
    if bare in names:
        return bare
    return next((name for name in names if name.casefold() == bare.casefold()), "")


def _key(text: str, columns: Sequence[Column], node: Node, what: str) -> Key:
    column = column_named(text, columns) or column_named(text.strip(), columns)
    text = text.strip()
    if not column and columns and (WORD.fullmatch(text) or QUOTED.fullmatch(text)):
        names = [known.name for known in columns]
        hint = did_you_mean(text, names) or f"the query gives {', '.join(names[:20])}"
        raise CompileError(Problem(f"the {what} `{text}` of `{node.name}` is no column of its query", node.place, hint))
    return Key(text, column)

"""What a parsed query is made of, read with care: names, literals, conditions. Nothing is run here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from eltbuild.sql.quoting import FOLDED, read_bare

Tree: TypeAlias = Any

EXACT = frozenset({"clickhouse"})
"""Dialects in which names that differ in letter case are two, with quotes and without."""


class Unclear(Exception):
    """The query is one of which nothing can be told."""


def key_of(identifier: Tree, dialect: str) -> str:
    """A name as the engine keeps it; in lower case where it makes no difference."""
    if dialect in EXACT:
        return str(identifier.name)
    fold = FOLDED.get(dialect)
    if fold is None:
        return str(identifier.name).casefold()
    return str(identifier.name) if identifier.args.get("quoted") else fold(identifier.name)


def key_of_text(name: str, dialect: str) -> str:
    """The same for a name that is written in a text."""
    kept = read_bare(name, dialect)
    return kept if dialect in EXACT or dialect in FOLDED else kept.casefold()


def is_column(tree: Tree, name: str, dialect: str) -> bool:
    return type(tree).__name__ == "Column" and key_of(tree.this, dialect) == name


def called(item: Tree, dialect: str) -> str:
    """The name of a selected column; "" where it has none of its own."""
    kind = type(item).__name__
    if kind == "Alias":
        return key_of(item.args["alias"], dialect)
    return key_of(item.this, dialect) if kind == "Column" else ""


def literals_of(listed: str, dialect: str) -> frozenset[tuple[bool, str]] | None:
    """Literals separated by commas, `(is a text, text)` each; None where anything else, or NULL, is among them."""
    from sqlglot import parse_one

    found = [literals(item) for item in parse_one(f"select {listed}", dialect=dialect).expressions]
    given = [item for item in found if item]
    return frozenset().union(*given) if len(given) == len(found) else None


def spelled(relation: str, dialect: str) -> str:
    """A relation as `Origin` compares it. Raises `Unclear` where the text is more than a name."""
    from sqlglot import exp, parse_one
    from sqlglot.errors import SqlglotError

    try:
        return spelled_table(parse_one(relation, into=exp.Table, dialect=dialect), dialect)
    except SqlglotError as error:
        raise Unclear from error


def spelled_table(table: Tree, dialect: str) -> str:
    if any(type(part).__name__ != "Identifier" for part in table.parts):
        raise Unclear
    return ".".join(f'"{key_of(part, dialect)}"' for part in table.parts)


def is_a(node: Tree, *names: str) -> bool:
    return any(base.__name__ in names for base in type(node).__mro__)


def is_star(item: Tree) -> bool:
    return type(item).__name__ == "Star" or (type(item).__name__ == "Column" and type(item.this).__name__ == "Star")


def bare(tree: Tree) -> Tree:
    """Without its alias and the parentheses around it."""
    while type(tree).__name__ in ("Alias", "Paren"):
        tree = tree.this
    return tree


def conjuncts(tree: Tree) -> Iterator[Tree]:
    tree = bare(tree)
    if type(tree).__name__ == "And":
        yield from conjuncts(tree.this)
        yield from conjuncts(tree.expression)
    else:
        yield tree


def aggregates(item: Tree) -> bool:
    """Whether the item surely is an aggregate over all rows, by itself and not within a window or a subquery."""
    tree = bare(item)
    if is_a(tree, "Window", "Query"):
        return False
    if type(tree).__name__ in ("Count", "Sum", "Avg", "Min", "Max") and not tree.args.get("expressions"):
        return True
    return any(aggregates(child) for child in tree.iter_expressions())


def literals(tree: Tree) -> frozenset[tuple[bool, str]] | None:
    """The literals of which the expression is one, NULL aside; None where it may be anything else."""
    tree = bare(tree)
    kind = type(tree).__name__
    if kind == "Literal":
        return frozenset({(bool(tree.is_string), str(tree.name))})
    if kind == "Null":
        return frozenset()
    if kind == "Case":
        default = tree.args.get("default")
        branches = [*(branch.args.get("true") for branch in tree.args["ifs"]), *([default] if default else ())]
        found = [literals(branch) for branch in branches]
        sure = [item for item in found if item is not None]
        return frozenset().union(*sure) if len(sure) == len(found) else None
    return None


def is_numbering(tree: Tree) -> bool:
    return type(tree).__name__ == "Window" and type(tree.this).__name__ == "RowNumber"


def told(tree: Tree, dialect: str) -> str:
    text = str(tree.sql(dialect=dialect))
    return text if len(text) <= 60 else text[:57] + "..."

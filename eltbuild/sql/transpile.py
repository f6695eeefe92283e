"""One engine's SQL said in another's words, or why that cannot be done. Nothing is run.

sqlglot knows the words. What it leaves to the reader is done here: a division of whole numbers stays one, and a
decimal without a size does not lose its digits. Features that the other engine lacks are errors, never dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from eltbuild.errors import CompileError, DatabaseError
from eltbuild.relation import Column
from eltbuild.sql.exactness import exact_places, first_place
from eltbuild.sql.stand_ins import STATEMENTS
from eltbuild.sql.translated_json import arrows_read
from eltbuild.sql.translated_terms import EXACT, Refused
from eltbuild.sql.translated_texts import bytes_of, list_of
from eltbuild.sql.translations import NAMING, translated

DECIMALS: Mapping[str, tuple[int, int]] = {
    "postgres": (38, 10), "redshift": (18, 0), "materialize": (38, 10), "risingwave": (38, 10), "snowflake": (38, 0),
    "bigquery": (38, 9), "spark": (10, 0), "databricks": (10, 0), "trino": (38, 0), "tsql": (18, 0), "fabric": (18, 0),
}  # fmt: skip
"""Precision and scale of a decimal that names none, as near as the other engine's can come: they differ by default."""


OWN = frozenset({
    "USER-DEFINED", "USERDEFINED", "UNKNOWN", "MONEY", "SMALLMONEY", "XML", "INET", "IPADDRESS", "IPPREFIX", "NAME",
    "OBJECT_IDENTIFIER", "OBJECT", "HSTORE", "HLLSKETCH", "GEOGRAPHY", "GEOMETRY", "VARIANT", "ROWVERSION", "SUPER",
    "INT4RANGE", "INT8RANGE", "NUMRANGE", "TSRANGE", "TSTZRANGE", "DATERANGE",
})  # fmt: skip
"""Types, by the parser's names, that are an engine's own: rows given for them are typed by their values."""


class Untranslatable(DatabaseError):
    """The text cannot be said in the other dialect. `line` and `column` are places in the text, 0 if unknown."""


ARROWS = frozenset({"postgres", "redshift"})
"""Dialects that have `->` for a member of a document, and no lambdas."""


def transpiled(
    query: str, source: str, target: str, tables: Callable[[], Mapping[str, Sequence[Column]]] | None = None
) -> str:
    """The query in the target dialect; untouched where the dialects are one. Raises `Untranslatable`.

    `tables` gives the columns of the tables that it reads, typed in the target's words, as far as they are known; it is
    asked where that matters. Where both dialects are told of in `stand_ins`, the text needs the functions made there.
    """
    if source == target:
        return query
    from sqlglot import ErrorLevel
    from sqlglot.errors import SqlglotError, UnsupportedError

    tree = _parsed(query, source)
    if tables is not None and (source, target) in STATEMENTS:
        places = exact_places(tree, source, target, tables)
        for node in tree.walk() if places else ():
            if (type(node).__name__, first_place(node)) in places:
                node.meta[EXACT] = True
    try:
        text: str = adjusted(tree, source, target).sql(
            dialect=target, pretty=True, unsupported_level=ErrorLevel.RAISE, max_unsupported=5
        )
    except UnsupportedError as error:
        raise Untranslatable(f"it cannot be said in {target}'s SQL: {error}", sql=query) from error
    except (SqlglotError, ValueError, RecursionError) as error:
        raise Untranslatable(f"it cannot be said in {target}'s SQL: {_first_line(error)}", sql=query) from error
    return text


def _parsed(query: str, dialect: str) -> Any:
    import sqlglot
    from sqlglot.errors import ParseError, SqlglotError

    try:
        trees = [tree for tree in sqlglot.parse(query, read=dialect) if tree is not None]
    except ParseError as error:
        place = error.errors[0] if error.errors else {}
        said = place.get("description") or _first_line(error)
        raise Untranslatable(
            f"its SQL is not understood: {said}",
            sql=query,
            line=int(place.get("line") or 0),
            column=int(place.get("col") or 0),
        ) from error
    except (SqlglotError, ValueError, RecursionError) as error:
        raise Untranslatable(f"its SQL is not understood: {_first_line(error)}", sql=query) from error
    from sqlglot import exp

    if len(trees) != 1 or isinstance(trees[0], (exp.Command, exp.DDL, exp.DML, exp.Drop)):
        raise Untranslatable("its SQL is not understood: it is no query", sql=query)
    return trees[0]


def adjusted(tree: Any, source: str, target: str) -> Any:
    """The tree, changed where the two engines take the same words for different things. Raises `Untranslatable`."""
    from sqlglot import exp
    from sqlglot.dialects.dialect import Dialect

    typed = Dialect.get_or_raise(source).TYPED_DIVISION and not Dialect.get_or_raise(target).TYPED_DIVISION
    size = DECIMALS.get(source)
    NAMING.get((source, target), lambda _: None)(tree)
    if source in ARROWS:
        arrows_read(tree)
    # What stands inside is changed first: an expression that is changed takes copies of it.
    for node in reversed(list(tree.walk())):
        try:
            changed = translated(node, source, target)
        except Refused as error:
            line, column = _begin(node)
            text = f"{error} has no equal in {target}'s SQL"
            raise Untranslatable(text, line=line, column=column) from error
        if changed is node and typed and type(node) is exp.Div:
            # `//` divides whole numbers as whole numbers, and all others as `/` does.
            changed = exp.IntDiv(this=node.this, expression=node.expression)
        if changed is not node:
            if node.meta.get(EXACT):
                changed.meta[EXACT] = True
            node.replace(changed)
    for node in list(tree.find_all(exp.DataType)) if size else ():
        if size and _is_bare_decimal(node):
            node.set("expressions", [exp.DataTypeParam(this=exp.Literal.number(part)) for part in size])
    return tree


def _begin(node: Any) -> tuple[int, int]:
    """Line and column of the first word of an expression that the parser knows the place of; 0 and 0 where of none."""
    places = [part.meta for part in node.walk() if part.meta.get("line")]
    first = min(places, key=lambda meta: meta["start"], default=None)
    if first is None:
        return 0, 0
    # The parser gives the column of a word's end.
    return int(first["line"]), int(first["col"]) - int(first["end"] - first["start"])


def bare_decimal(source: str) -> str:
    """The type by which a decimal that names no size is replaced; empty where it is not."""
    size = DECIMALS.get(source)
    return f"DECIMAL({size[0]}, {size[1]})" if size else ""


def _is_bare_decimal(node: Any) -> bool:
    from sqlglot import exp

    return node.this == exp.DataType.Type.DECIMAL and not node.expressions


def place_of(query: str, dialect: str, word: str) -> tuple[int, int]:
    """Line and column (from 1) of a word in the code of a query, in any case; 0 and 0 where it does not stand."""
    for token, line, column in _words(query, dialect):
        if token.casefold() == word.casefold():
            return line, column
    return 0, 0


def _words(query: str, dialect: str) -> Iterator[tuple[str, int, int]]:
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        tokens = sqlglot.tokenize(query, read=dialect)
    except SqlglotError:
        return
    for token in tokens:
        if "STRING" in token.token_type.name:
            continue
        start = token.start
        line_start = query.rfind("\n", 0, start) + 1
        yield token.text, query.count("\n", 0, start) + 1, start - line_start + 1


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def value_in(value: Any, type_name: str, source: str, target: str) -> Any:
    """A value of the type (in the target's words) that is written as the source writes it, as the target reads it."""
    if not isinstance(value, str) or (source, target) not in STATEMENTS:
        return value
    try:
        if type_name.endswith("[]") and value.strip().startswith("{"):
            return list_of(value)
        return bytes_of(value) if type_name.upper() == "BLOB" else value
    except Refused:
        return value


def type_in(name: str, source: str, target: str) -> str:
    """A type's name in the other dialect; empty for one that the other engine has not, or that nobody knows."""
    if source == target or not name:
        return name
    from sqlglot import exp

    from eltbuild.sql.types import parsed

    try:
        kind = parsed(name, source).copy()
    except CompileError:
        return ""
    kinds = {getattr(part.this, "value", "") for part in kind.find_all(exp.DataType)}
    if not kinds.isdisjoint(OWN):
        return ""
    return str(adjusted(kind, source, target).sql(dialect=target))

"""Columns, constraints and data tests, as properties files describe them, read into entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.project.entries import ColumnEntry, TestEntry
from eltbuild.project.fields import Fields, kind_of
from eltbuild.project.resources import ColumnSpec
from eltbuild.project.test_names import CONFIG_KEYS

COLUMN_KEYS = frozenset(
    {"name", "description", "data_type", "quote", "constraints", "data_tests", "tests", "tags", "meta", "config"}
    | {"policy_tags", "granularity", "dimension", "entity", "include", "exclude", "databricks_tags", "column_mask"}
)
_UNDERSTOOD = COLUMN_KEYS - {"policy_tags", "databricks_tags", "column_mask"}
CONSTRAINT_TYPES = ("not_null", "unique", "primary_key", "foreign_key", "check", "custom")
_CONFIG_KEYS = frozenset(CONFIG_KEYS)
_SHAPE_HINT = "the arguments of a test stand below its name, indented by two more spaces"


def read_columns(fields: Fields, owner: Mapping[Any, Any], what: str) -> tuple[ColumnEntry, ...]:
    """The columns of an entry, those with `include`/`exclude` left out.

    Of two with one name the last counts, as in dbt, but the tests of both remain.
    """
    if owner.get("columns") is None:
        return ()
    found: list[ColumnEntry] = []
    names: set[str] = set()
    for item in fields.mappings(owner, "columns", what):
        if "include" in item or "exclude" in item:
            continue
        column = _column(fields, item, what)
        if column is None:
            continue
        if column.spec.name in names:
            message = f"column `{column.spec.name}` of {what} is described twice; the last one counts"
            fields.report(item, "name", message, "keep one of them", "warning")
        names.add(column.spec.name)
        found.append(column)
    return tuple(found)


def _column(fields: Fields, item: Mapping[Any, Any], what: str) -> ColumnEntry | None:
    name = fields.name(item, f"a column of {what}")
    if name is None:
        return None
    fields.check_keys(item, COLUMN_KEYS, f"column `{name}`", frozenset())
    if len(item) <= 3 and item.keys() <= _SIMPLE:
        spec = ColumnSpec(name, fields.text(item, "description", "a column") or "")
        return ColumnEntry(spec, read_tests(fields, item, f"column `{name}`", name), item.line)  # type: ignore[attr-defined]
    this = f"column `{name}`"
    config = fields.mapping(item, "config", this)
    quote = fields.truth(item, "quote", this)
    spec = ColumnSpec(
        name=name,
        description=fields.text(item, "description", this) or "",
        data_type=fields.text(item, "data_type", this),
        quote=quote,
        constraints=read_constraints(fields, item, this),
        meta={**fields.mapping(item, "meta", this), **_as_mapping(config.get("meta"))},
        tags=_unique((*fields.texts(item, "tags", this), *_as_texts(config.get("tags")))),
        granularity=fields.text(item, "granularity", this),
        semantics={key: fields.plain(item[key]) for key in ("dimension", "entity") if item.get(key) is not None},
        more={str(key): fields.plain(item[key]) for key in item.keys() - _UNDERSTOOD}
        if item.keys() - _UNDERSTOOD
        else {},
    )
    tested = f'"{name}"' if quote else name
    return ColumnEntry(spec, read_tests(fields, item, this, tested), getattr(item, "line", 0))


_SIMPLE = frozenset({"name", "description", "data_tests"})


def _as_mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _as_texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def read_constraints(fields: Fields, owner: Mapping[Any, Any], what: str) -> tuple[Mapping[str, Any], ...]:
    """The constraints of a model or column."""
    if owner.get("constraints") is None:
        return ()
    out = []
    for item in fields.mappings(owner, "constraints", what):
        if fields.name(item, f"a constraint of {what}", "type") is None:
            continue
        if fields.choice(item, "type", f"a constraint of {what}", CONSTRAINT_TYPES) is not None:
            out.append(fields.plain(item))
    return tuple(out)


def read_tests(fields: Fields, owner: Mapping[Any, Any], what: str, column: str | None = None) -> tuple[TestEntry, ...]:
    """The data tests of an entry, under `data_tests:` or, as it was once called, `tests:`.

    `column` becomes the argument `column_name` of each.
    """
    key = "data_tests"
    if "tests" in owner:
        if owner.get("data_tests") is not None:
            fields.report(owner, "tests", f"{what} has both `tests` and `data_tests`", "keep `data_tests`")
            return ()
        key = "tests"
    given = owner.get(key)
    if given is None:
        return ()
    items = fields.items(owner, key, what)
    place_of = getattr(items, "place_of", None)
    out = []
    for index, item in enumerate(items):
        line, place = place_of(index) if place_of else (0, 0)
        if type(item) is str:
            namespace, name = _split(item)
            arguments = {} if column is None else {"column_name": column}
            out.append(TestEntry(name, namespace, arguments, line=line, column=place))
        else:
            test = read_test(fields, item, items, index, what, column)
            if test is not None:
                out.append(test)
    return tuple(out)


def _split(name: str) -> tuple[str | None, str]:
    namespace, dot, rest = name.partition(".")
    return (namespace, rest) if dot else (None, name)


def read_test(
    fields: Fields, item: Any, items: list[Any], index: int, what: str, column: str | None
) -> TestEntry | None:
    """A test written as a mapping: `{name: arguments}`, or `{test_name: name, ...arguments}`."""
    if not isinstance(item, dict):
        fields.report(items, index, f"a test of {what} is a name or a mapping, not {kind_of(item)}")
        return None
    if "test_name" in item:
        name = fields.name(item, f"a test of {what}", "test_name")
        given: Any = {key: value for key, value in item.items() if key != "test_name"}
        source: Any = item
    elif len(item) == 1:
        name, given = next(iter(item.items()))
        source = given if isinstance(given, dict) else item
        if type(name) is not str:
            fields.report(items, index, f"the name of a test of {what} must be text, not {kind_of(name)}")
            return None
    else:
        keys = ", ".join(f"`{key}`" for key in item)
        message = f"a test of {what} has several keys where one, its name, is expected: {keys or 'none'}"
        fields.report(items, index, message, _SHAPE_HINT)
        return None
    if name is None:
        return None
    if given is None:
        given = {}
    if not isinstance(given, dict):
        fields.report(item, name, f"the arguments of test `{name}` of {what} must be a mapping, not {kind_of(given)}")
        return None
    line, place = getattr(items, "place_of", lambda _: (0, 0))(index)
    return assembled(fields, name, given, source, what, column, line, place)


def assembled(
    fields: Fields, name: str, given: dict[Any, Any], source: Any, what: str, column: str | None, line: int, place: int
) -> TestEntry | None:
    """The test with its arguments and config told apart, of which some write the config among the arguments."""
    arguments = {} if column is None else {"column_name": column}
    config: dict[str, Any] = {}
    title: str | None = None
    description = ""
    inside = fields.mapping(source, "arguments", f"test `{name}`") if "arguments" in given else {}
    outside = [(key, value, source) for key, value in given.items() if key != "arguments"]
    for key, value, source in (*((key, value, inside) for key, value in inside.items()), *outside):
        if key == "config":
            inner = fields.mapping(source, "config", f"test `{name}`")
            both = inner.keys() & given.keys() & _CONFIG_KEYS
            for twice in sorted(both):
                fields.report(source, twice, f"test `{name}` has `{twice}` both under `config:` and beside it")
            config.update(inner)
        elif key == "name":
            title = fields.name(source, f"a test of {what}")
        elif key == "description":
            description = fields.text(source, "description", f"test `{name}`") or ""
        elif key in _CONFIG_KEYS:
            config[str(key)] = fields.plain(value)
        elif key != "column_name" or column is None:
            arguments[str(key)] = fields.plain(value)
    namespace, short = _split(name)
    return TestEntry(short, namespace, arguments, config, title, description, line, place)

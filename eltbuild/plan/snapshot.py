"""Snapshots: the history of rows as versions with a beginning and an end (slowly changing dimensions, type 2).

Tables, columns and `dbt_scd_id` are those of dbt, so that a table begun by either is continued by the other. Unlike
dbt's, keys and compared columns take NULL for a value, and the versions of a key never overlap: a row that comes back
or changes with an old `updated_at` begins at the time of the run. Nothing is run here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eltbuild.errors import CompileError, Problem
from eltbuild.plan.extras import extras
from eltbuild.plan.keys import Key, column_named
from eltbuild.plan.nouns import Audit, Check, Facts, Operation, Statement
from eltbuild.plan.publish import WORKING, Making, publish
from eltbuild.plan.reconcile import Pair, difference, fits, refuse_strange, widened
from eltbuild.plan.repeated import EXAMPLES, repeated
from eltbuild.plan.snapshot_settings import Settings, settings_of
from eltbuild.plan.whole import modifier, with_header
from eltbuild.relation import Column, Relation
from eltbuild.sql.types import is_zoned
from eltbuild.sql.writer import SOURCE, TARGET, Writer
from eltbuild.values import dataclass

KEEP = "cast it in the query to the type that the snapshot has"
WORKING_COLUMNS = ("dbt_closes", "dbt_writes", "dbt_copies", "dbt_repeats")
"""What the changes say besides: which version each ends, whether one follows, how often a key comes that repeats."""


def snapshot(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    """Begin the history, or write what has changed since. A run that finds no change writes no row.

    Raises `CompileError` for a wrong config and for a table that is no snapshot.
    """
    settings = settings_of(facts, writer.dialect)
    if facts.existing is None:
        return _begun(facts, settings, writer)
    _check_standing(facts, settings)
    altered, columns = _altered(facts, settings, writer)
    working = writer.session(facts.relation, WORKING + facts.temporary)
    staged = writer.create_table_as(working, _changes(facts, settings, columns, writer), temporary=True)
    return (
        Statement(with_header(facts, staged), "stage"),
        _one_row_each(facts, settings, working, writer),
        *(fits(facts.node, pair, working, writer, KEEP) for pair in columns.unsure),
        *altered,
        Statement(_closed(facts, settings, working, writer), "close"),
        Statement(_opened(facts, settings, columns, working, writer)),
        *((Audit(facts.relation, working, beside=False, temporary=True),) if facts.audited else ()),
        Statement(writer.drop(working, cascade=False), "drop"),
        *extras(facts, writer, fresh=False, columns=(*facts.existing.columns, *facts.columns)),
    )


def _check_standing(facts: Facts, settings: Settings) -> None:
    """Raise `CompileError` unless what stands there is a snapshot."""
    existing, node = facts.existing, facts.node
    assert existing is not None
    if existing.kind != "table":
        raise CompileError(
            Problem(f"{facts.relation} is a {existing.kind}, not the snapshot `{node.name}`", node.place)
        )
    missing = [name for name in settings.meta[:4] if not column_named(name, existing.columns)]
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        hint = "name its columns in snapshot_meta_column_names, or move the table out of the way"
        raise CompileError(Problem(f"{facts.relation} has no {names}: it is no snapshot", node.place, hint))


# The first time


def _begun(facts: Facts, settings: Settings, writer: Writer) -> tuple[Operation, ...]:
    """A table with one version of each row."""
    moment = _text(settings.updated_at, writer) if settings.updated_at else _run_moment(facts, writer)
    keys = _texts(settings.keys, writer)
    scd = writer.digest([*keys, moment])
    # NULL, in the type of the moment.
    open_end = f"nullif({moment}, {moment})"
    end = f"coalesce({open_end}, {settings.current})" if settings.current else open_end
    values = [scd, moment, moment, end, "'False'"]
    meta = [f"{value} as {writer.quote(name)}" for value, name in zip(values, settings.meta)]
    lines = ",\n    ".join(["*", *meta])
    query = f"select\n    {lines}\nfrom {writer.lines(facts.query)} as {SOURCE}"

    def make(place: Relation, replace: bool) -> tuple[Operation, ...]:
        created = writer.create_table_as(place, query, replace=replace, modifier=modifier(facts, writer))
        counted = ", ".join([*keys, "count(*) as copies", "count(*) over () as keys"])
        grouped = f"from {writer.relation(place)}\ngroup by {', '.join(keys)} having count(*) > 1"
        rows = f"select {counted} {grouped}\norder by count(*) desc, {_order(settings)} limit {EXAMPLES}"
        return (Statement(with_header(facts, created)), _told(facts, settings, rows))

    return publish(facts, writer, Making("table", make))


def _told(facts: Facts, settings: Settings, rows: str) -> Check:
    # dbt records all of them, and projects live with that.
    hint = "give one row for each key: each of these is recorded as a version that is valid now"
    return repeated(facts, [key.text for key in settings.keys], rows, "its query", hint, severity="warning")


def _order(settings: Settings) -> str:
    return ", ".join(str(number) for number in range(1, len(settings.keys) + 1))


def _text(key: Key, writer: Writer) -> str:
    return writer.quote(key.column) if key.column else f"({key.text})"


def _texts(keys: Sequence[Key], writer: Writer) -> list[str]:
    return [_text(key, writer) for key in keys]


# Every other time


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of the table that hold data, with their names in the query; None: the query gives them no longer."""

    data: tuple[tuple[Column, str | None], ...]
    standing: frozenset[str]
    """The names, without letter case, that the table had before this run."""
    kept: Mapping[str, str]
    """The types that values are converted to at once, by the column's name in the query: none is lost by that."""
    unsure: tuple[Pair, ...]
    """Columns whose values may not fit the type that the table has."""


def _altered(facts: Facts, settings: Settings, writer: Writer) -> tuple[tuple[Operation, ...], Layout]:
    """Add the columns that the table lacks; none is ever dropped."""
    assert facts.existing is not None
    found = difference(facts, writer)
    meta = {name.casefold() for name in settings.names.values()}
    clash = [column.name for column in facts.columns if column.name.casefold() in meta]
    if clash:
        text = f"the query of the snapshot `{facts.node.name}` gives `{clash[0]}`, a column that the snapshot keeps"
        raise CompileError(Problem(text, facts.node.place, "rename it in the query"))
    refuse_strange(facts.node, found, KEEP)
    place = facts.relation
    operations: list[Operation] = [*widened(facts, writer, found)]
    operations += (Statement(writer.add_column(place, column), "alter") for column in found.new)
    deleted = settings.names["dbt_is_deleted"]
    if settings.hard_deletes == "new_record" and not column_named(deleted, facts.existing.columns):
        operations.append(Statement(writer.add_column(place, Column(deleted, writer.type_name("text"))), "alter"))
        operations.append(
            Statement(f"update {writer.relation(place)} set {writer.quote(deleted)} = 'False' where true", "alter")
        )
    query_names = {old.name: column.name for old, column in found.both}
    data: list[tuple[Column, str | None]] = [
        (column, query_names.get(column.name))
        for column in facts.existing.columns
        if column.name.casefold() not in meta
    ]
    data += [(column, column.name) for column in found.new]
    standing = frozenset(column.name.casefold() for column in facts.existing.columns)
    kept = {one.new.name: one.old.type for one in found.retyped if one.inward == "exact"}
    unsure = tuple(
        Pair(one.old.name, one.old.name, one.new.type, one.old.type) for one in found.retyped if one.inward == "checked"
    )
    return tuple(operations), Layout(tuple(data), standing, kept, unsure)


def _changes(facts: Facts, settings: Settings, layout: Layout, writer: Writer) -> str:
    """A query for the versions to write: the data, the meta columns, the version that each one ends.

    `dbt_writes` is false where a version only ends and none follows it. A key that comes more than once is told by a
    row of its own, with how often: all by one reading of the query.
    """
    parts = [_opened_versions(facts, settings, layout, writer)]
    if settings.hard_deletes != "ignore" and not facts.empty:
        parts.append(_vanished_versions(facts, settings, layout, writer))
    parts.append(_repeating(settings, layout, writer))
    tables = {
        "source": _source(facts, settings, layout, writer),
        "standing": _standing(facts, settings, writer),
        "opening": _opening(facts, settings, layout, writer),
        "repeating": _repeated_keys(settings),
    }
    ctes = ",\n".join(f"{name} as (\n{sql}\n)" for name, sql in tables.items())
    return f"with {ctes}\n" + "\nunion all\n".join(parts)


def _source(facts: Facts, settings: Settings, layout: Layout, writer: Writer) -> str:
    def value(name: str) -> str:
        kept = layout.kept.get(name)
        return f"cast({writer.quote(name)} as {kept})" if kept else writer.quote(name)

    texts = (value(key.column) if key.column else _text(key, writer) for key in settings.keys)
    keys = [f"{text} as dbt_key_{index}" for index, text in enumerate(texts)]
    moment = _text(settings.updated_at, writer) if settings.updated_at else _now(facts, settings, writer)
    names = ",\n    ".join(
        [
            *(f"{value(column.name)} as {_data(index)}" for index, column in enumerate(facts.columns)),
            *keys,
            f"{moment} as moment",
        ]
    )
    return f"select\n    {names}\nfrom {writer.lines(facts.query)} as {SOURCE}"


def _stored_keys(facts: Facts, settings: Settings) -> tuple[Key, ...]:
    """The keys as the table names them: letter case may differ from the query's."""
    columns = facts.existing.columns if facts.existing else ()
    return tuple(Key(key.text, column_named(key.column, columns)) if key.column else key for key in settings.keys)


def _standing(facts: Facts, settings: Settings, writer: Writer) -> str:
    texts = _texts(_stored_keys(facts, settings), writer)
    keys = [f"{text} as dbt_key_{index}" for index, text in enumerate(texts)]
    deleted, columns = settings.names["dbt_is_deleted"], facts.existing.columns if facts.existing else ()
    if settings.hard_deletes == "new_record" and not column_named(deleted, columns):
        keys.append(f"'False' as {writer.quote(deleted)}")
    lines = ",\n    ".join(["*", *keys])
    return f"select\n    {lines}\nfrom {writer.relation(facts.relation)}\nwhere {_is_current(settings, writer)}"


def _is_current(settings: Settings, writer: Writer, alias: str = "") -> str:
    end = f"{alias}{writer.quote(settings.names['dbt_valid_to'])}"
    return f"({end} is null or {end} = ({settings.current}))" if settings.current else f"{end} is null"


def _data(index: int) -> str:
    return f"data_{index}"


def _joined(settings: Settings, writer: Writer, left: str, right: str) -> str:
    numbers = range(len(settings.keys))
    return writer.same_row([f"{left}.dbt_key_{n}" for n in numbers], [f"{right}.dbt_key_{n}" for n in numbers])


def _opening(facts: Facts, settings: Settings, layout: Layout, writer: Writer) -> str:
    """Rows that open a version: of new keys, and of keys whose row has changed or has come back."""
    name = {key: f"standing.{writer.quote(value)}" for key, value in settings.names.items()}
    changed = "\n  or ".join([f"{name['dbt_scd_id']} is null", *_changed(facts, settings, layout, name, writer)])
    return (
        f"select\n    source.*,\n    {name['dbt_scd_id']} as closes,\n"
        f"    {_beginning(facts, settings, name, writer)} as began\n"
        f"from source\nleft join standing on {_joined(settings, writer, 'source', 'standing')}\nwhere {changed}"
    )


def _opened_versions(facts: Facts, settings: Settings, layout: Layout, writer: Writer) -> str:
    index_of = {column.name: index for index, column in enumerate(facts.columns)}
    data = [
        _data(index_of[given]) if given is not None else f"cast(null as {column.type})" for column, given in layout.data
    ]
    keys = [f"dbt_key_{index}" for index in range(len(settings.keys))]
    values = [writer.digest([*keys, "began"]), "moment", "began", _open_end(facts, settings), "'False'"]
    return f"select\n    {_selected(layout, settings, data, values, 'closes', 'true', writer)}\nfrom opening"


def _beginning(facts: Facts, settings: Settings, name: Mapping[str, str], writer: Writer) -> str:
    """Where a version begins: at its moment, but not before the end of the one that it follows."""
    if not settings.updated_at:
        return "source.moment"
    late = f"source.moment is null or source.moment <= {name['dbt_valid_from']}"
    conditions = [f"{name['dbt_scd_id']} is not null and ({late})"]
    if settings.hard_deletes == "invalidate":
        conditions.append(f"{name['dbt_scd_id']} is null and {_has_past(facts, settings, writer)}")
    return f"case when {' or '.join(conditions)} then {_now(facts, settings, writer)} else source.moment end"


def _has_past(facts: Facts, settings: Settings, writer: Writer) -> str:
    """Whether the key had a version that ended, and not before the moment of the row."""
    keys = ", ".join(
        f"{text} as dbt_key_{index}" for index, text in enumerate(_texts(_stored_keys(facts, settings), writer))
    )
    end = writer.quote(settings.names["dbt_valid_to"])
    place, current = writer.relation(facts.relation), _is_current(settings, writer)
    past = f"select {keys}, {end} as ended from {place} where not ({current})"
    joined = _joined(settings, writer, "past", "source")
    later = "(source.moment is null or past.ended > source.moment)"
    return f"exists (select 1 from ({past}) as past where {joined} and {later})"


def _changed(facts: Facts, settings: Settings, layout: Layout, name: Mapping[str, str], writer: Writer) -> list[str]:
    conditions = []
    if settings.strategy == "timestamp":
        # What was never dated counts as older than what is.
        updated = name["dbt_updated_at"]
        conditions.append(f"source.moment > {updated} or {updated} is null and source.moment is not null")
    elif any(column.casefold() not in layout.standing for column in settings.checked):
        return ["true"]
    else:
        index_of = {column.name: index for index, column in enumerate(facts.columns)}
        stored = {given: column.name for column, given in layout.data if given is not None}
        conditions += [
            f"not ({writer.same(f'source.{_data(index_of[column])}', f'standing.{writer.quote(stored[column])}')})"
            for column in settings.checked
            if column in stored
        ]
    if settings.hard_deletes == "new_record":
        conditions.append(f"{name['dbt_is_deleted']} = 'True'")
    return conditions


def _vanished_versions(facts: Facts, settings: Settings, layout: Layout, writer: Writer) -> str:
    """Keys that stand and that the query no longer gives: closed, and under `new_record` followed by a record of it."""
    name = {key: f"standing.{writer.quote(value)}" for key, value in settings.names.items()}
    now, record = _now(facts, settings, writer), settings.hard_deletes == "new_record"
    values = [
        writer.digest([name["dbt_scd_id"], _run_moment(facts, writer)]),
        now,
        now,
        _open_end(facts, settings),
        "'True'",
    ]
    data = [
        f"standing.{writer.quote(column.name)}"
        if column.name.casefold() in layout.standing
        else f"cast(null as {column.type})"
        for column, _ in layout.data
    ]
    selected = _selected(layout, settings, data, values, name["dbt_scd_id"], "true" if record else "false", writer)
    joined = _joined(settings, writer, "source", "standing")
    told = f"\n  and not coalesce({name['dbt_is_deleted']} = 'True', false)" if record else ""
    return f"select\n    {selected}\nfrom standing\nwhere not exists (select 1 from source where {joined}){told}"


def _repeated_keys(settings: Settings) -> str:
    keys = ", ".join(f"dbt_key_{index}" for index in range(len(settings.keys)))
    return (
        f"select\n    {keys}, count(*) as dbt_copies, count(*) over () as dbt_repeats\n"
        f"from source\ngroup by {keys} having count(*) > 1"
    )


def _repeating(settings: Settings, layout: Layout, writer: Writer) -> str:
    """A row for each key that comes more than once, for the warning; it is not written."""
    nothing = ["null"] * len(layout.data), ["null"] * len(settings.meta)
    selected = _selected(layout, settings, *nothing, "null", "false", writer, ("dbt_copies", "dbt_repeats"))
    return f"select\n    {selected}\nfrom repeating"


def _one_row_each(facts: Facts, settings: Settings, working: Relation, writer: Writer) -> Check:
    keys = ", ".join(f"dbt_key_{index}" for index in range(len(settings.keys)))
    rows = (
        f"select {keys}, dbt_copies, dbt_repeats from {writer.relation(working)}\n"
        f"where dbt_copies is not null\norder by dbt_copies desc, {_order(settings)} limit {EXAMPLES}"
    )
    return _told(facts, settings, rows)


def _selected(
    layout: Layout,
    settings: Settings,
    data: Sequence[str],
    values: Sequence[str],
    closes: str,
    writes: str,
    writer: Writer,
    repeats: tuple[str, str] = ("", ""),
) -> str:
    keys = [f"dbt_key_{index}" for index in range(len(settings.keys))]
    names = [*(column.name for column, _ in layout.data), *settings.meta, *keys, *WORKING_COLUMNS]
    none = f"cast(null as {writer.type_name('bigint')})"
    columns = [*data, *values[: len(settings.meta)], *keys, closes, writes, *(text or none for text in repeats)]
    return ",\n    ".join(f"{value} as {writer.quote(name)}" for value, name in zip(columns, names, strict=True))


def _closed(facts: Facts, settings: Settings, working: Relation, writer: Writer) -> str:
    """End the versions that others follow, or that have vanished."""
    scd, begins = (writer.quote(settings.names[name]) for name in ("dbt_scd_id", "dbt_valid_from"))
    on = f"{TARGET}.{scd} = {SOURCE}.dbt_closes and {_is_current(settings, writer, f'{TARGET}.')}"
    if all(key.column for key in settings.keys):
        # The id takes NULL for an empty text, so that two keys may share it.
        pairs = enumerate(_stored_keys(facts, settings))
        same = (writer.same(f"{TARGET}.{writer.quote(k.column)}", f"{SOURCE}.dbt_key_{n}") for n, k in pairs)
        on = " and ".join([on, *same])
    return writer.update_from(facts.relation, settings.names["dbt_valid_to"], f"{SOURCE}.{begins}", working, on)


def _opened(facts: Facts, settings: Settings, layout: Layout, working: Relation, writer: Writer) -> str:
    names = [*(column.name for column, _ in layout.data), *settings.meta]
    return writer.insert_from(facts.relation, names, working, where="dbt_writes")


def _run_moment(facts: Facts, writer: Writer) -> str:
    return writer.timestamp(facts.now, writer.type_name("timestamp"))


def _open_end(facts: Facts, settings: Settings) -> str:
    """What `dbt_valid_to` holds of a version that stands."""
    type_name = _stored_type(facts, settings.names["dbt_valid_to"])
    return settings.current or (f"cast(null as {type_name})" if type_name else "null")


def _stored_type(facts: Facts, name: str) -> str:
    columns = facts.existing.columns if facts.existing else ()
    stored = column_named(name, columns)
    return next((column.type for column in columns if column.name == stored), "")


def _now(facts: Facts, settings: Settings, writer: Writer) -> str:
    """The time of the run, in the type that the table's `dbt_valid_from` has."""
    type_name = _stored_type(facts, settings.names["dbt_valid_from"])
    if is_zoned(type_name, writer.dialect):
        return writer.timestamp(facts.now)
    return writer.timestamp(facts.now, type_name)

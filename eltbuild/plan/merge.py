"""The WHEN clauses of a merge, from the configs of a model. Nothing is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eltbuild.errors import CompileError, Problem, did_you_mean
from eltbuild.plan.keys import column_named, listed
from eltbuild.plan.reconcile import Pair
from eltbuild.project.resources import Node
from eltbuild.relation import Column
from eltbuild.sql.writer import SOURCE, Writer

SITUATIONS: Mapping[str, str] = {
    "when_matched": "when matched",
    "when_not_matched": "when not matched",
    "when_not_matched_by_source": "when not matched by source",
}


def merge_clauses(node: Node, pairs: Sequence[Pair], keys: Sequence[str], writer: Writer) -> tuple[str, ...]:
    """What a merge does with rows that match and that do not. Key columns are equal already and are not updated.

    Raises `CompileError` for columns that the model does not have, and for configs that exclude each other.
    """
    config = node.config
    if config.get("merge_clauses"):
        return _custom(node, pairs, keys, writer)
    expressions = config.get("merge_update_set_expressions") or {}
    updated = _updated(node, pairs, keys)
    update = _update(updated, expressions, writer)
    clauses = []
    if update:
        clauses.append(f"when matched{_condition(config.get('merge_update_condition'))} then {update}")
    insert = _insert(pairs, writer)
    return (*clauses, f"when not matched{_condition(config.get('merge_insert_condition'))} then {insert}")


def asks_by_source(node: Node) -> bool:
    """Whether the merge also does something with rows of the table that the new rows do not name."""
    given = node.config.get("merge_clauses")
    return isinstance(given, Mapping) and bool(given.get("when_not_matched_by_source"))


def _updated(node: Node, pairs: Sequence[Pair], keys: Sequence[str]) -> list[Pair]:
    only, without = (
        listed(node.config.get("merge_update_columns")),
        listed(node.config.get("merge_exclude_columns")),
    )
    if only and without:
        text = f"`{node.name}` gives both merge_update_columns and merge_exclude_columns"
        raise CompileError(Problem(text, node.place, "give one of them"))
    if only:
        chosen = {_known(name, pairs, node, "merge_update_columns") for name in only}
        return [pair for pair in pairs if pair.target in chosen]
    left_out = {column_named(name, _columns(pairs)) for name in without} | set(keys)
    return [pair for pair in pairs if pair.target not in left_out]


def _known(name: str, pairs: Sequence[Pair], node: Node, what: str) -> str:
    column = column_named(name, _columns(pairs))
    if not column:
        hint = did_you_mean(name, [pair.target for pair in pairs])
        raise CompileError(Problem(f"`{name}` in {what} of `{node.name}` is no column of it", node.place, hint))
    return column


def _columns(pairs: Sequence[Pair]) -> tuple[Column, ...]:
    return tuple(Column(pair.target) for pair in pairs)


def _update(pairs: Sequence[Pair], expressions: Mapping[str, Any], writer: Writer) -> str:
    given = {name.strip('"`').casefold(): str(text) for name, text in expressions.items()}
    parts = [
        f"{writer.quote(p.target)} = {given.pop(p.target.casefold(), None) or f'{SOURCE}.{writer.quote(p.query)}'}"
        for p in pairs
    ]
    parts += [f"{writer.quote(name)} = {text}" for name, text in given.items()]
    return f"update set {', '.join(parts)}" if parts else ""


def _insert(pairs: Sequence[Pair], writer: Writer) -> str:
    values = writer.names((pair.query for pair in pairs), SOURCE)
    return f"insert ({writer.names(pair.target for pair in pairs)}) values ({values})"


def _condition(given: object) -> str:
    return f" and ({given})" if given else ""


def _custom(node: Node, pairs: Sequence[Pair], keys: Sequence[str], writer: Writer) -> tuple[str, ...]:
    """`merge_clauses` as dbt-duckdb has them: lists of actions with conditions, by situation."""
    given = node.config["merge_clauses"]
    unknown = [name for name in given if name not in SITUATIONS] if isinstance(given, Mapping) else ["merge_clauses"]
    if unknown:
        hint = did_you_mean(unknown[0], SITUATIONS) or f"one of {', '.join(SITUATIONS)}"
        raise CompileError(Problem(f"`{unknown[0]}` in merge_clauses of `{node.name}` is unknown", node.place, hint))
    clauses = []
    for situation, words in SITUATIONS.items():
        for clause in given.get(situation) or ():
            action = _action(clause, situation, node, pairs, keys, writer)
            clauses.append(f"{words}{_condition(clause.get('condition'))} then {action}")
    return tuple(clauses)


def _action(
    clause: Mapping[str, Any],
    situation: str,
    node: Node,
    pairs: Sequence[Pair],
    keys: Sequence[str],
    writer: Writer,
) -> str:
    action = str(clause.get("action") or ("insert" if situation == "when_not_matched" else "update"))
    match action:
        case "delete":
            return "delete"
        case "do_nothing":
            return "do nothing"
        case "error":
            message = clause.get("error_message")
            return f"error {writer.literal(str(message))}" if message else "error"
        case "update":
            return _custom_update(clause.get("update") or {}, situation, node, pairs, keys, writer)
        case "insert":
            return _custom_insert(clause.get("insert") or {}, node, pairs, writer)
    hint = did_you_mean(action, ("update", "insert", "delete", "do_nothing", "error"))
    raise CompileError(Problem(f"the action `{action}` in merge_clauses of `{node.name}` is unknown", node.place, hint))


def _custom_update(
    details: Mapping[str, Any],
    situation: str,
    node: Node,
    pairs: Sequence[Pair],
    keys: Sequence[str],
    writer: Writer,
) -> str:
    include = {_known(name, pairs, node, "merge_clauses") for name in listed(details.get("include"))}
    exclude = {column_named(name, _columns(pairs)) for name in listed(details.get("exclude"))}
    expressions = details.get("set_expressions") or {}
    if situation == "when_not_matched_by_source":
        return _update((), expressions, writer)
    chosen = [
        pair
        for pair in pairs
        if (pair.target in include if include else pair.target not in exclude and pair.target not in keys)
    ]
    return _update(chosen, expressions, writer)


def _custom_insert(details: Mapping[str, Any], node: Node, pairs: Sequence[Pair], writer: Writer) -> str:
    names, values = listed(details.get("columns")), listed(details.get("values"))
    if not names:
        return _insert(pairs, writer)
    targets = [_known(name, pairs, node, "merge_clauses") for name in names]
    if values:
        return f"insert ({writer.names(targets)}) values ({', '.join(values)})"
    return _insert([pair for pair in pairs if pair.target in targets], writer)

"""Materialized views that stay where they are: refreshed, with the indexes of their config. Nothing is run."""

from __future__ import annotations

from collections.abc import Sequence

from eltbuild.errors import CompileError, Problem, Severity
from eltbuild.plan import indexes
from eltbuild.plan.extras import extras
from eltbuild.plan.nouns import Facts, Operation, Statement
from eltbuild.relation import Index
from eltbuild.sql.writer import Writer


def refreshed(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    """It reads its query again; other indexes than the config asks for are made or dropped first.

    Under `on_configuration_change: continue` it is left as it is where they differ, as `warnings` tells. Raises
    `CompileError` under `fail`.
    """
    mode = str(facts.node.config.get("on_configuration_change") or "apply")
    new, gone = indexes.changes(facts, writer) if writer.capabilities.belongings else ((), ())
    if (new or gone) and mode == "fail":
        raise CompileError(_changed(facts, writer, "error"))
    if (new or gone) and mode == "continue":
        return ()
    altered = indexes.changed(facts, writer) if new or gone else ()
    refresh = Statement(writer.refresh(facts.relation, concurrently=_has_key(facts, gone)))
    columns = facts.existing.columns if facts.existing else ()
    after = extras(facts, writer, fresh=False, kind="materialized_view", columns=columns)
    return (*altered, refresh, *after)


def warnings(facts: Facts, writer: Writer) -> tuple[Problem, ...]:
    """What to tell of a materialized view that is left as it is."""
    if facts.node.config.get("on_configuration_change") != "continue" or not any(indexes.changes(facts, writer)):
        return ()
    return (_changed(facts, writer, "warning"),)


def way(facts: Facts, writer: Writer) -> str:
    """What is done with the one that stands there, in a word: made anew, altered, refreshed, or nothing."""
    if facts.full_refresh:
        return "REPLACE"
    if not (writer.capabilities.belongings and any(indexes.changes(facts, writer))):
        return "REFRESH"
    return "" if facts.node.config.get("on_configuration_change") == "continue" else "ALTER"


def identified(facts: Facts, writer: Writer, mode: str) -> str:
    """How the log says that its config has changed and is not followed, in the words that logs are searched for."""
    found = "Configuration changes were identified and `on_configuration_change` was set to"
    return f"{found} `{mode}` for `{writer.relation(facts.relation)}`"


def _changed(facts: Facts, writer: Writer, severity: Severity) -> Problem:
    text = f"the indexes of the materialized view `{facts.relation}` are not those that its config asks for"
    told = f"{text}: it is left as it is" if severity == "warning" else text
    told = f"{identified(facts, writer, 'continue' if severity == 'warning' else 'fail')}: {told}"
    hint = "set `on_configuration_change: apply`, or run with --full-refresh"
    return Problem(told, facts.node.place, hint, severity, "ConfigurationChanged")


def _has_key(facts: Facts, gone: Sequence[Index]) -> bool:
    """Whether an index that stays tells every row from the others: then others can read while it is refreshed."""
    stay = [index for index in facts.belongings.indexes if index not in gone]
    return any(index.unique and index.columns and _is_plain(index.definition) for index in stay)


def _is_plain(definition: str) -> bool:
    """Whether it is on columns alone, and on all rows."""
    return definition.count("(") == 1 and " where " not in definition.casefold()

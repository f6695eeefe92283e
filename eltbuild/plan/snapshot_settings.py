"""What the config of a snapshot means, and all that is wrong with it. Nothing is asked of the warehouse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eltbuild.errors import CompileError, Problem, did_you_mean
from eltbuild.plan.keys import Key, keys_of, listed
from eltbuild.plan.nouns import Facts
from eltbuild.project.resources import Node
from eltbuild.sql.quoting import read_bare
from eltbuild.values import dataclass

META = ("dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to", "dbt_is_deleted")
HARD_DELETES = ("ignore", "invalidate", "new_record")
STRATEGIES = ("timestamp", "check")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the config of a snapshot means, checked."""

    strategy: str
    keys: tuple[Key, ...]
    updated_at: Key | None
    """A column of the query or SQL over its columns; None: the time of the run."""
    checked: tuple[str, ...]
    """The columns whose change makes a version (strategy check), as the query names them."""
    hard_deletes: str
    current: str
    """SQL for `dbt_valid_to` of versions that stand; empty: NULL."""
    names: Mapping[str, str]
    """The meta columns' names, by dbt's names."""

    @property
    def meta(self) -> tuple[str, ...]:
        """The names of the meta columns that the table has, in dbt's order."""
        kept = META if self.hard_deletes == "new_record" else META[:-1]
        return tuple(self.names[name] for name in kept)


def settings_of(facts: Facts, dialect: str) -> Settings:
    """The config of a snapshot. Raises `CompileError` with all that is wrong with it."""
    node, config = facts.node, facts.node.config
    problems = config_problems(node)
    if problems:
        raise CompileError(*problems)
    given = config.get("snapshot_meta_column_names") or {}
    strategy = str(config.get("strategy") or "")
    older, hard_deletes = config.get("invalidate_hard_deletes"), config.get("hard_deletes")
    if older is not None and hard_deletes is not None:
        text = f"the snapshot `{node.name}` has both `hard_deletes` and `invalidate_hard_deletes`"
        raise CompileError(Problem(text, node.place, "keep `hard_deletes`: it is the newer form"))
    hard_deletes = hard_deletes or ("invalidate" if older else "ignore")
    return Settings(
        strategy,
        keys_of(config["unique_key"], facts.columns, node),
        next(iter(keys_of(config.get("updated_at"), facts.columns, node, "updated_at")), None),
        _checked_columns(facts) if strategy == "check" else (),
        str(hard_deletes),
        str(config.get("dbt_valid_to_current") or ""),
        {name: read_bare(str(given[name]), dialect) if given.get(name) else name for name in META},
    )


def config_problems(node: Node) -> list[Problem]:
    """All that is wrong with the config of a snapshot, as far as it can be told without the warehouse."""
    config = node.config
    problems = [*_unknown(node, "strategy", STRATEGIES), *_unknown(node, "hard_deletes", HARD_DELETES)]
    strategy = str(config.get("strategy") or "")
    needed = ("strategy", "unique_key", *(("updated_at",) if strategy == "timestamp" else ()))
    missing = (name for name in needed if not config.get(name))
    problems += [Problem(f"the snapshot `{node.name}` has no `{name}`", node.place) for name in missing]
    if strategy == "check" and not config.get("check_cols"):
        problems.append(
            Problem(f"the snapshot `{node.name}` has no `check_cols`", node.place, "name them, or write `all`")
        )
    given = config.get("snapshot_meta_column_names") or {}
    for name in given:
        if name not in META:
            hint = did_you_mean(str(name), META) or f"one of {', '.join(META)}"
            problems.append(
                Problem(f"`{name}` in snapshot_meta_column_names of `{node.name}` is unknown", node.place, hint)
            )
    return problems


def _unknown(node: Node, name: str, known: Sequence[str]) -> list[Problem]:
    given = node.config.get(name)
    if not given or given in known:
        return []
    hint = did_you_mean(str(given), known) or f"one of {', '.join(known)}"
    return [Problem(f"`{name}: {given}` of the snapshot `{node.name}` is unknown", node.place, hint)]


def _checked_columns(facts: Facts) -> tuple[str, ...]:
    given = facts.node.config.get("check_cols")
    if given == "all" or listed(given) == ("all",):
        return tuple(column.name for column in facts.columns)
    keys = keys_of(list(listed(given)), facts.columns, facts.node, "check column")
    return tuple(key.column or key.text for key in keys)

"""What the hooks of a node make on its relation: they meet it as new, each time it is made. Nothing is run.

A hook that adds a key, an index or a trigger to the new relation would find it there already, had it come along from
the old one. So what others have made comes along after the hooks, as far as they have not made it by then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from eltbuild.plan import indexes, rules
from eltbuild.plan.keeping import made_again, referenced
from eltbuild.plan.nouns import Facts, Operation, Restore, Statement
from eltbuild.project.resources import Node
from eltbuild.relation import Belongings, Column, Dependant, Index, RelationKind, Rule
from eltbuild.sql.writer import Writer
from eltbuild.values import replace

RESTORED, LATE = "restored", "restored late"
"""The labels of what is done after a node's hooks: within its transaction, and after those that come behind that."""
KINDS: Mapping[str, str] = {
    "trigger": "trigger", "policy": "policy", "row": "row.level.security", "statistics": "statistics",
    "publication": "publication", "rule": "rule",
}  # fmt: skip
"""What hangs on a relation, by the first word of how it is told, and what a hook says that makes such a thing."""


def texts(node: Node) -> Iterator[tuple[str, bool]]:
    """The texts of the hooks that come after the node is built, and whether each belongs to the transaction."""
    for hook in node.config.get("post-hook") or ():
        text = hook.get("sql") if isinstance(hook, Mapping) else hook
        if isinstance(text, str) and text.strip():
            yield text, bool(hook.get("transaction", True)) if isinstance(hook, Mapping) else True


def is_hooked(node: Node) -> bool:
    """Whether hooks come after the node is built."""
    return any(True for _ in texts(node))


def made_by_hooks(facts: Facts) -> tuple[str, ...]:
    """What hangs on the relation, cannot be made again from here, and is made again by the node's hooks, in words."""
    said = "\n".join(text for text, _ in texts(facts.node)).casefold()
    return tuple(what for what in facts.belongings.bound if said and _names(said, what.split()[0]))


def _names(said: str, kind: str) -> bool:
    return kind in KINDS and re.search(KINDS[kind], said) is not None


def let_go(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    """A table that stays is rid of what its hooks may make, until that is restored."""
    place = facts.relation
    theirs = tuple(indexes.of_others(facts, writer, frozenset()))
    keys = (*(index.name for index in theirs if index.constraint), *(rule.name for rule in facts.belongings.rules))
    plain = [index.name for index in theirs if not index.constraint]
    gone = [writer.drop_constraint(place, name) for name in keys]
    gone += [writer.drop(place.named(name), "index", cascade=False) for name in plain]
    return tuple(Statement(sql, "set aside") for sql in gone)


def restored(
    facts: Facts,
    kind: RelationKind,
    columns: Sequence[Column],
    writer: Writer,
    taken: frozenset[str],
    views: Sequence[Dependant] = (),
) -> tuple[Operation, ...]:
    """What others have made comes along as far as the hooks have not made it; then views, and what points to it."""
    kept = () if kind == "view" else indexes.kept(facts, writer, columns, taken)
    ruled = [rule for each in rules.kept(facts, kind, columns, writer) for rule in each]
    things: list[tuple[Index | Rule | Dependant, tuple[Operation, ...]]] = []
    things += [(index, indexes.made((index,), facts.relation, writer)) for index in kept]
    things += [(rule, rules.made(facts, (rule,), facts.relation, writer)) for rule in ruled]
    again = [(view, tuple(made_again(view, facts, writer))) for view in views]
    bound = made_by_hooks(facts)
    keys = tuple(referenced(facts, writer))
    if all(within for _, within in texts(facts.node)):
        return (*_restore(facts, (*things, *again), bound, RESTORED), *(replace(one, label=RESTORED) for one in keys))
    # A hook behind the transaction may add the key that others point to; views are not to be missed until then.
    late = (*_restore(facts, things, bound, LATE), *(replace(one, label=LATE) for one in keys))
    return (*_restore(facts, again, (), RESTORED), *late)


def _restore(
    facts: Facts,
    things: Sequence[tuple[Index | Rule | Dependant, tuple[Operation, ...]]],
    bound: tuple[str, ...],
    label: str,
) -> tuple[Operation, ...]:
    return (Restore(facts.relation, tuple(things), bound, label),) if things or bound else ()


def stands(thing: Index | Rule | Dependant, standing: Belongings) -> bool:
    """Whether the relation has that by now, or another thing of its name, or another primary key for a primary key."""
    if isinstance(thing, Dependant):
        return any(view.relation.key == thing.relation.key for view in standing.dependants)
    if isinstance(thing, Rule):
        return any(rule.name == thing.name or _said(rule) == _said(thing) for rule in standing.rules)
    return any(
        index.name == thing.name
        or (index.definition, index.unique, index.constraint) == (thing.definition, thing.unique, thing.constraint)
        or (_is_primary(index) and _is_primary(thing))
        for index in standing.indexes
    )


def _is_primary(index: Index) -> bool:
    return index.constraint.casefold().startswith("primary key")


def _said(rule: Rule) -> str:
    return rule.definition.strip().casefold().removesuffix("not valid").strip()

"""What the hooks of a node make on its relation: they meet it as new, each time it is made. Nothing is run.

A hook that adds a key, an index or a trigger to the new relation would find it there already, had it come along from
the old one. So what others have made comes along after the hooks, as far as they have not made it by then. For hooks
behind the transaction only that waits which they may make: what waits there is gone should the run be killed meanwhile.
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
CALL = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}", re.DOTALL)
PLAIN_CALL = re.compile(r"\s*(?:this|target|var|ref|source|schema|database|model)\b")
"""Calls in a hook that give a name or a value, and no statement."""
KEY = re.compile(r"\b(?:primary\s+key|unique)\b")


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
    """What hangs on the relation, cannot be made again from here, and is made again by the node's hooks, in words.

    A macro may do without the name of what it makes: where none is made after all, the transaction is taken back. So
    of hooks behind the transaction only those count that are written out.
    """
    return (*_bound(facts, True), *_bound(facts, False))


def _bound(facts: Facts, inside: bool) -> tuple[str, ...]:
    """What the hooks within the transaction make again; or what only those behind it do."""
    said = [(text.casefold(), within) for text, within in texts(facts.node)]
    bound = facts.belongings.bound
    now = [what for what in bound if any(within and _makes(text, what, True) for text, within in said)]
    late = [what for what in bound if any(not within and _makes(text, what, False) for text, within in said)]
    return tuple(now) if inside else tuple(what for what in late if what not in now)


def _makes(text: str, what: str, by_macro: bool) -> bool:
    kind, *name = what.casefold().split()
    if kind not in KINDS:
        return False
    if by_macro and any(re.search(KINDS[kind], call) for call in _calls(text)):
        return True
    written = CALL.sub(" ", text)
    return re.search(KINDS[kind], written) is not None and (kind == "row" or _has_words(written, name[:1]))


def _calls(text: str) -> list[str]:
    """What templates in a text call, but for names and values."""
    found = [first or second for first, second in CALL.findall(text)]
    return [call for call in found if not PLAIN_CALL.match(call)]


def _has_words(text: str, words: Sequence[str]) -> bool:
    return all(re.search(rf"(?<!\w){re.escape(word.casefold())}(?!\w)", text) for word in words)


def _may_make(text: str, thing: Index | Rule) -> bool:
    """Whether a hook may make such a thing: it names all its columns, or calls a macro that says what it does."""
    return bool(_calls(text)) or _has_words(CALL.sub(" ", text), thing.columns)


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
    things: list[tuple[Index | Rule, tuple[Operation, ...]]] = []
    things += [(index, indexes.made((index,), facts.relation, writer)) for index in kept]
    things += [(rule, rules.made(facts, (rule,), facts.relation, writer)) for rule in ruled]
    again = [(view, tuple(made_again(view, facts, writer))) for view in views]
    keys = tuple(referenced(facts, writer))
    late = [text.casefold() for text, within in texts(facts.node) if not within]
    waiting = [one for one in things if any(_may_make(text, one[0]) for text in late)]
    # A hook behind the transaction may add the key that others point to.
    keyed = any(isinstance(thing, Index) and thing.unique for thing, _ in waiting)
    pointed = LATE if keyed or any(_calls(text) or KEY.search(text) for text in late) else RESTORED
    come = [one for one in things if one not in waiting]
    return (
        *_restore(facts, (*come, *again), _bound(facts, True), RESTORED),
        *_restore(facts, waiting, _bound(facts, False), LATE),
        *(replace(one, label=pointed) for one in keys),
    )


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

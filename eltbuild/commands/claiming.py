"""What a run claims and says of itself before it begins, and where that is kept."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from eltbuild._version import __version__
from eltbuild.commands.opening import Opened, mask_of
from eltbuild.errors import Problem, UsageError
from eltbuild.project.project import Project
from eltbuild.project.resources import Node, NodeId
from eltbuild.quality.data_tests import stores_failures
from eltbuild.relation import Relation
from eltbuild.run.ledger.claims import host
from eltbuild.run.ledger.opening import SCHEMA, Books
from eltbuild.run.stop import Stop
from eltbuild.run.work import placed
from eltbuild.sql.files import is_arrow
from eltbuild.sql.writer import Writer
from eltbuild.state.records import Key, Retention, Run

JOURNALED = frozenset({"build", "run", "test", "seed", "snapshot", "clone"})
"""The commands that are written down; `orphans --drop` is, too."""
HIDDEN = "hidden"
"""The key of the names of arguments that are not kept, because a secret stands in them."""


def books_of(
    opened: Opened,
    *,
    stop: Stop | None = None,
    tell: Callable[[str], None] = lambda text: None,
    observing: bool = False,
) -> Books:
    """Where the state of the project's target is kept. Raises `UsageError` for a setting that means nothing."""
    target, options = opened.project.target, opened.options
    return Books(
        adapter=opened.adapter,
        writer=Writer(opened.adapter.dialect, opened.adapter.capabilities),
        schema=Relation(target.database or None, state_schema(opened), None),
        root=opened.root,
        target=target.name,
        project=opened.project.settings.name,
        stop=stop or Stop(),
        mask=mask_of(opened.project, opened.options),
        tell=tell,
        now=opened.session.invocation.started_at,
        whole=not (options.empty or options.sample),
        retention=retention_of(opened),
        observing=observing,
    )


def state_schema(opened: Opened) -> str:
    """The schema that holds the state: as the profile's target says, else the project's flags."""
    return str(_setting(opened, "state_schema") or SCHEMA)


def retention_of(opened: Opened) -> Retention:
    """How long history is kept: as the profile's target says, else the project's flags. Raises `UsageError`."""
    given = {name: _setting(opened, f"history_{name}") for name in ("runs", "days")}
    for name, value in given.items():
        if value is not None and (isinstance(value, bool) or not str(value).isdecimal() or int(value) < 1):
            hint = "it says how much history is kept; leave it out for the default"
            raise UsageError(Problem(f"`history_{name}: {value}` must be a whole number above 0", hint=hint))
    return Retention(**{name: int(value) for name, value in given.items() if value is not None})


def _setting(opened: Opened, name: str) -> Any:
    """What the profile's target says, else the project's flags."""
    found = opened.project.target.fields.get(name)
    return opened.project.settings.flags.get(name) if found is None else found


def run_of(opened: Opened, command: str, nodes: Sequence[NodeId], claims: Iterable[Key]) -> Run:
    """The run as others will see it."""
    call = opened.session.invocation
    return Run(
        invocation=call.invocation_id,
        project=opened.project.settings.name,
        target=opened.project.target.name,
        home=home_of(opened),
        command=command,
        arguments=without_secrets(call.args, mask_of(opened.project, opened.options)),
        nodes=tuple(nodes),
        claims=tuple(sorted(set(claims))),
        host=host(),
        process=os.getpid(),
        user=user(),
        folder=str(opened.root),
        version=__version__,
    )


def home_of(opened: Opened) -> str:
    """The target with the schema that it builds in."""
    target = opened.project.target
    return f"{target.name}/{target.schema}"


def without_secrets(arguments: Mapping[str, Any], mask: Callable[[str], str]) -> dict[str, Any]:
    """The arguments that can be kept: those in which no secret stands."""
    kept, hidden = {}, []
    for name, value in arguments.items():
        text = json.dumps(value, default=str, ensure_ascii=False)
        if mask(text) == text:
            kept[name] = json.loads(text)
        else:
            hidden.append(name)
    return {**kept, HIDDEN: hidden} if hidden else kept


def claims_of(project: Project, ids: Iterable[NodeId], store: bool | None) -> frozenset[Key]:
    """The keys of the relations that a run of these nodes may write to. `store`: the flag `--store-failures`."""
    nodes = [project.nodes[id] for id in ids if id in project.nodes]
    own = {placed(node)[0].key for node in nodes if node.relation is not None and writes(node, store)}
    loaded = {
        source.relation.key
        for parent in {parent for node in nodes for parent in node.parents}
        if (source := project.sources.get(parent)) is not None
        and source.relation is not None
        and is_arrow(str(source.config.get("external_location") or source.meta.get("external_location") or ""))
    }
    return frozenset(own | loaded)


def writes(node: Node, store: bool | None) -> bool:
    """Whether doing the node writes a relation."""
    if node.resource_type == "test":
        return stores_failures(node, store) is not None
    return node.resource_type in ("model", "seed", "snapshot", "function") and not node.ephemeral


def user() -> str:
    """The name of whoever started this process, as far as it is known."""
    for name in ("USER", "LOGNAME", "USERNAME"):
        if os.environ.get(name):
            return os.environ[name]
    with suppress(ImportError, KeyError, AttributeError):
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    return ""

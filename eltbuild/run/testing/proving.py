"""Tests that need not be asked, for what stands there was built from a query that proves them."""

from __future__ import annotations

import re

from eltbuild.compile.compiled import Compiled
from eltbuild.compile.relations import text_of
from eltbuild.errors import EltbuildError
from eltbuild.project.resources import Node
from eltbuild.quality.data_tests import Outcome
from eltbuild.run.testing.together import anchor_of
from eltbuild.run.work import Work


def proven(work: Work, test: Node, sql: str) -> Outcome | None:
    """The outcome of a test that is proven to pass, with the reason; None where it must be asked.

    Only `--skip-proven` asks for that. What is remembered must tell that the model was built from the very text that
    proves it; a proof that takes another relation to witness holds for a view, or where the model has just been built.
    """
    if not work.session.flag("SKIP_PROVEN"):
        return None
    from eltbuild.quality.measures.proven import proof

    model = work.session.project.nodes.get(anchor_of(test))
    if model is None or model.relation is None or not _is_current(work, model, test):
        return None
    query = _query(work, model)
    built = work.ledger.latest(model.relation)
    if query.sql is None or built is None or built.event != "built":
        return None
    if built.fingerprint != work.mark(model, query.fingerprint) or _is_written_elsewhere(work, model):
        return None
    if built.project != work.session.project.settings.name:
        return None
    relation = text_of(work.session, model.id, {})
    why = proof(test, sql, relation, model, query.sql, work.writer.dialect, work.writer.capabilities)
    return None if why is None else Outcome("pass", 0, f"proven: {why}")


def _is_written_elsewhere(work: Work, model: Node) -> bool:
    """Whether something else than the model's query may write rows of its relation: a materialization of the project's

    own, a hook of another node, or one at the start or the end of a run.
    """
    assert model.relation is not None
    if work.session.macros.materialization(model.materialized, model.package) is not None:
        return True
    if not work.hooked:
        work.hooked.append(_hooks(work))
    names = {re.escape(name.casefold()) for name in (model.name, model.relation.identifier or model.name)}
    return re.search(rf"(?<!\w)(?:{'|'.join(sorted(names))})(?!\w)", work.hooked[0]) is not None


def _hooks(work: Work) -> str:
    """The texts of all hooks of the project and its packages."""
    project = work.session.project
    texts = [text for package in project.packages.values() for text in (*package.on_run_start, *package.on_run_end)]
    for node in project.nodes.values():
        texts += [str(hook) for key in ("pre-hook", "post-hook") for hook in node.config.get(key) or ()]
    return "\n".join(texts).casefold()


def _is_current(work: Work, model: Node, test: Node) -> bool:
    """Whether what the model stands on cannot have changed since it was built, where that matters for the test."""
    others = set(test.parents) - {model.id}
    if model.materialized == "view" or not others:
        return True
    if not others <= set(model.parents):
        return False  # it may have been built since
    call = work.session.invocation
    return call.command == "build" and model.id in call.selected


def _query(work: Work, model: Node) -> Compiled:
    """The model's text, compiled without asking the warehouse; once for all of its tests."""
    known = work.compiled.get(model.id) or work.queries.get(model.id)
    if known is None:
        try:
            known = work.compiler.compile(model)
        except EltbuildError:
            known = Compiled(node=model.id)
        work.queries[model.id] = known
    return known

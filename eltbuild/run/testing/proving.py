"""Tests that need not be asked, for what stands there was built from a query that proves them."""

from __future__ import annotations

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
    if query.sql is None or built is None or built.event != "built" or built.fingerprint != query.fingerprint:
        return None
    if built.project != work.session.project.settings.name:
        return None
    relation = text_of(work.session, model.id, {})
    why = proof(test, sql, relation, model, query.sql, work.writer.dialect, work.writer.capabilities)
    return None if why is None else Outcome("pass", 0, f"proven: {why}")


def _is_current(work: Work, model: Node, test: Node) -> bool:
    """Whether what the model stands on cannot have changed since it was built, where that matters for the test."""
    if model.materialized == "view" or len(test.parents) < 2:
        return True
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

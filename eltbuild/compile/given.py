"""Which resource an input of a unit test means. Nothing is rendered."""

from __future__ import annotations

from eltbuild.compile.lookup import Lookup
from eltbuild.errors import Problem
from eltbuild.jinja.literal import expression
from eltbuild.project.resources import NodeId, UnitTest

FORMS = "write `ref('model')`, `ref('package', 'model', v=1)`, `source('source', 'table')` or `this`"


def input_id(text: object, test: UnitTest, tested: NodeId, lookup: Lookup) -> NodeId | Problem:
    """The resource whose rows an input gives, or what is wrong with the input. `this` means the tested model."""
    body = str(text).strip()
    if body.startswith("{{") and body.endswith("}}"):
        body = body[2:-2].strip()
    found = expression(body)
    if found is not None:
        name, is_call, args, kwargs = found
        words = [str(arg) for arg in args]
        if name == "this" and not is_call:
            return tested
        if name == "source" and len(words) == 2 and not kwargs:
            return _source(words, test, lookup)
        if name == "ref" and len(words) in (1, 2) and not set(kwargs) - {"v", "version"}:
            version = kwargs.get("v", kwargs.get("version"))
            return _ref(words, None if version is None else str(version), test, lookup)
    return Problem(f"unit test `{test.name}` has an input that is no reference: `{body}`", test.place, FORMS)


def _source(words: list[str], test: UnitTest, lookup: Lookup) -> NodeId | Problem:
    source = lookup.source(words[0], words[1])
    if source is not None:
        return source.id
    what, hint = lookup.missing_source(words[0], words[1])
    return Problem(f"unit test `{test.name}` gives rows for {what}", test.place, hint)


def _ref(words: list[str], version: str | None, test: UnitTest, lookup: Lookup) -> NodeId | Problem:
    package = words[0] if len(words) == 2 else None
    node = lookup.ref(words[-1], package, version, test.package)
    if node is not None:
        return node.id
    what, hint = lookup.missing_ref(words[-1], package, version)
    return Problem(f"unit test `{test.name}` gives rows for {what}", test.place, hint)

"""Suites of expectations and what they are about, brought together: the tests that each suite is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from eltbuild.errors import did_you_mean
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.native import has_jinja
from eltbuild.jinja.scan import scan
from eltbuild.project.calls import read_call
from eltbuild.project.files import folders_of
from eltbuild.project.generic_tests import DataTestMaker, Target
from eltbuild.project.loading import Loading
from eltbuild.project.nodes import Nodes
from eltbuild.project.resources import Node, Ref, Source, SourceRef
from eltbuild.project.suites import TEST, Suite
from eltbuild.project.test_names import attached_reference, attached_source

TESTED = ("model", "seed", "snapshot")


def named_suites(loading: Loading, suites: Iterable[Suite]) -> Mapping[str, Suite]:
    """The suites by name; two of one name are a problem."""
    found: dict[str, Suite] = {}
    for suite in suites:
        other = found.setdefault(suite.name, suite)
        if other is not suite:
            loading.report(f"there are two suites named `{suite.name}`", suite.place, f"the other one is {other.place}")
    return found


def attach_suites(
    loading: Loading,
    suites: Sequence[Suite],
    tests: DataTestMaker,
    nodes: Nodes,
    sources: Mapping[str, Source],
) -> None:
    """Make the tests of each suite that says what it is about. One that nothing names is told of."""
    for suite in suites:
        if not suite.about:
            if suite.name not in tests.asked_for and not suite.package.root:
                hint = f"write `model: ...` into it, or `{TEST}: {{suite: {suite.name}}}` under a model's `data_tests:`"
                loading.report(f"suite `{suite.name}` is about nothing, and is not run", suite.place, hint, "warning")
            continue
        target = _target(loading, suite, nodes, sources)
        if target is not None:
            tests.suite_tests(target, suite)


def _target(loading: Loading, suite: Suite, nodes: Nodes, sources: Mapping[str, Source]) -> Target | None:
    if suite.about == "query":
        return _of_query(suite)
    return _of_source(loading, suite, sources) if suite.about == "source" else _of_model(loading, suite, nodes, sources)


def _of_model(loading: Loading, suite: Suite, nodes: Nodes, sources: Mapping[str, Source]) -> Target | None:
    call = read_call(suite.subject)
    if call is not None and call.function == "source":
        return _source_target(loading, suite, call.names, sources)
    name = call.names[-1] if call is not None else suite.subject
    version = call.version if call is not None else None
    known = [node for node in (*nodes.enabled.values(), *nodes.disabled) if node.resource_type in TESTED]
    found = [node for node in known if node.name == name and _is_version(node, version)]
    if not found:
        hint = did_you_mean(name, {node.name for node in known})
        loading.report(f"suite `{suite.name}` is about `{suite.subject}`, which was not found", suite.place, hint)
        return None
    own = [node for node in found if node.package == suite.package.name]
    node = (own or found)[0]
    return Target(
        file=suite.file,
        package=suite.package,
        folders=folders_of(suite.within),
        title=name if version is None else f"{name}_v{version}",
        prefix="",
        model=attached_reference(name, version),
        refs=(Ref(name, None, version, suite.place),),
        source_refs=(),
        attached_to=node.id,
        file_key=f"{node.resource_type}s.{name}",
        group=node.group,
        disabled=node.config.get("enabled", True) is False,
    )


def _is_version(node: Node, version: str | None) -> bool:
    wanted = node.latest_version if version is None else version
    return node.version is None or str(node.version) == str(wanted)


def _of_source(loading: Loading, suite: Suite, sources: Mapping[str, Source]) -> Target | None:
    call = read_call(suite.subject)
    names = call.names if call is not None else tuple(suite.subject.split("."))
    return _source_target(loading, suite, names, sources)


def _source_target(
    loading: Loading, suite: Suite, names: tuple[str, ...], sources: Mapping[str, Source]
) -> Target | None:
    known = {f"{source.source_name}.{source.name}" for source in sources.values()}
    if ".".join(names) not in known or len(names) != 2:
        hint = did_you_mean(".".join(names), known) or "write it as `source_name.table_name`"
        loading.report(
            f"suite `{suite.name}` is about source `{suite.subject}`, which was not found", suite.place, hint
        )
        return None
    source, table = names
    return Target(
        file=suite.file,
        package=suite.package,
        folders=folders_of(suite.within),
        title=f"{source}_{table}",
        prefix="source_",
        model=attached_source(source, table),
        refs=(),
        source_refs=(SourceRef(source, table, suite.place),),
        attached_to=None,
        file_key=f"sources.{source}",
    )


def _of_query(suite: Suite) -> Target:
    query = suite.subject.rstrip().rstrip(";")
    refs: tuple[Ref, ...] = ()
    sources: tuple[SourceRef, ...] = ()
    complete = True
    if has_jinja(query):
        try:
            found = scan(query)
            refs = tuple(Ref(ref.name, ref.package, ref.version, suite.place) for ref in found.refs)
            sources = tuple(SourceRef(call.source, call.table, suite.place) for call in found.sources)
            complete = found.complete and not found.calls
        except TemplateError:
            complete = False
    return Target(
        file=suite.file,
        package=suite.package,
        folders=folders_of(suite.within),
        title=suite.name,
        prefix="",
        model=f"(\n{query}\n) as queried",
        refs=refs,
        source_refs=sources,
        attached_to=None,
        file_key=f"suites.{suite.name}",
        complete=complete,
    )

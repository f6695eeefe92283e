"""Selections: against what dbt selects in a small project of everything, and the laws of the algebra."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from pathlib import Path

import pytest
import yaml
from effort import steps
from hypothesis import given, settings
from hypothesis import strategies as st

from eltbuild.adapter import Target
from eltbuild.errors import EltbuildError, ProjectError, UsageError
from eltbuild.graph.graph import Graph
from eltbuild.graph.methods import version_rank
from eltbuild.graph.patterns import path_matcher
from eltbuild.graph.select import (
    Criterion,
    Difference,
    Everything,
    Intersection,
    Selection,
    SelectionContext,
    Selector,
    Union,
    parse_selection,
    parse_selectors,
    select,
    warnings,
)
from eltbuild.graph.selectors import INDIRECT
from eltbuild.graph.state import SourceResult
from eltbuild.project.project import Project, Settings
from eltbuild.project.resources import Node, TestCase

FIXTURES = Path(__file__).parents[2] / "fixtures" / "select"


@dataclass(frozen=True)
class Case:
    flags: str
    lines: tuple[str, ...]


def cases() -> Iterator[Case]:
    """The blocks of cases.txt."""
    for block in (FIXTURES / "cases.txt").read_text().split("\n> ")[1:]:
        flags, *lines = block.rstrip("\n").split("\n")
        yield Case(flags, tuple(lines))


@pytest.fixture(scope="module")
def shop(project_from: Callable[..., Project]) -> Project:
    entries = yaml.safe_load((FIXTURES / "selectors.yml").read_text())["selectors"]
    manifest = json.loads((FIXTURES / "project.json").read_text())
    return project_from(manifest, {entry["name"]: entry for entry in entries})


@pytest.fixture(scope="module")
def graph(shop: Project) -> Graph:
    return Graph.of(shop)


def call(project: Project, graph: Graph, flags: str, **context: object) -> Selection:
    """What a command line with those flags selects."""
    given_flags: dict[str, list[str]] = {"--select": [], "--exclude": [], "--selector": [], "--indirect-selection": []}
    current = ""
    for word in shlex.split(flags):
        word = "--select" if word == "-s" else word
        if word in given_flags:
            current = word
        else:
            given_flags[current].append(word)
    named = given_flags["--selector"]
    selector = (
        parse_selectors(project.selectors)[named[0]]
        if named
        else parse_selection(given_flags["--select"], given_flags["--exclude"])
    )
    mode = (given_flags["--indirect-selection"] or ["eager"])[0]
    return select(project, graph, selector, SelectionContext(indirect=mode, **context))  # type: ignore[arg-type]


def written(selection: Selection) -> list[str]:
    """A selection as cases.txt has it, without the criteria that matched nothing."""
    kinds = groupby(sorted(selection.ids), key=lambda id: ".".join(id.split(".")[:2]))
    return [f"  {kind}: {' '.join(id[len(kind) + 1 :] for id in ids)}" for kind, ids in kinds]


@pytest.mark.parametrize("case", tuple(cases()), ids=lambda case: case.flags)
def test_as_dbt_selects(case: Case, shop: Project, graph: Graph) -> None:
    if case.lines[:1] == ("!",):
        with pytest.raises(EltbuildError):
            call(shop, graph, case.flags)
        return
    selection = call(shop, graph, case.flags)
    assert written(selection) == [line for line in case.lines if not line.startswith("~")]
    if "--selector" not in case.flags and "resource_type:operation" not in case.flags:
        assert ["~ " + text if text else "~" for text in selection.unmatched] == [
            line for line in case.lines if line.startswith("~")
        ]


# Where we differ from dbt on purpose


@pytest.mark.parametrize(
    ("flags", "same_as"),
    [
        # dbt compares the text `1` with the number 1, and finds nothing.
        ("-s config.meta.level:1", "--selector intval"),
        ("--selector strval", "--selector intval"),
        # dbt takes a text in selectors.yml as one criterion, spaces and commas included, and finds nothing.
        ("--selector cli_union", "-s orders customers"),
        ("--selector cli_comma", "-s tag:core,config.materialized:table"),
        # dbt fails at these paths.
        ("-s path:.", "-s path:models path:seeds path:snapshots path:tests path:analyses package:tools"),
        ("-s path:/project/models/staging", "-s models/staging"),
        ("-s path:models/marts/../staging", "-s models/staging"),
        # dbt finds nothing by the folder in which a package is installed.
        ("-s path:dbt_packages/tools", "-s package:tools"),
        ("-s path:dbt_packages/tools/models/staging", "-s calendar"),
        ("-s 'path:dbt_packages/*/models'", "-s package:tools"),
        # Blank words are no criteria.
        ("-s ' orders  customers '", "-s orders customers"),
    ],
)
def test_better_than_dbt(flags: str, same_as: str, shop: Project, graph: Graph) -> None:
    assert call(shop, graph, flags) == call(shop, graph, same_as)
    assert call(shop, graph, flags).ids


def test_paths_may_be_written_with_backslashes(shop: Project, graph: Graph) -> None:
    assert call(shop, graph, r"-s 'models\staging\*.sql'").ids == call(shop, graph, "-s models/staging/*.sql").ids


def test_functions_have_a_method_of_their_own(shop: Project, graph: Graph) -> None:
    assert call(shop, graph, "-s function:x") == Selection(frozenset(), ("function:x",))


def test_operations_are_never_selected(shop: Project, graph: Graph) -> None:
    assert "operation.shop.shop-on-run-start-0" in graph.parents
    selection = select(shop, graph, Everything())
    assert not any(id.startswith("operation.") for id in selection.ids)
    assert call(shop, graph, "-s fqn:shop.hooks").ids == frozenset()


def test_package_this_can_be_another(shop: Project, graph: Graph) -> None:
    assert call(shop, graph, "-s package:this", package="tools") == call(shop, graph, "-s package:tools")


def test_a_criterion_that_matches_nothing_is_warned_about_with_the_nearest_name(shop: Project, graph: Graph) -> None:
    selection = call(shop, graph, "-s 2+custommers+ tag:nope")
    assert [(problem.severity, problem.message, problem.hint) for problem in warnings(shop, selection)] == [
        (
            "warning",
            "the selection criterion `2+custommers+` matches nothing that is enabled",
            "did you mean `customers`?",
        ),
        ("warning", "the selection criterion `tag:nope` matches nothing that is enabled", ""),
    ]


@pytest.mark.parametrize(
    ("flags", "message", "hint"),
    [
        ("-s resource_type:modl", "`resource_type:modl` is not known", "did you mean `model`?"),
        ("-s test_type:units", "`test_type:units` is not known", "did you mean `unit`?"),
        ("-s version:newest", "`version:newest` is not known", "one of latest, prerelease, old, none"),
        ("-s state:modifed", "`state:modifed` is not known", "did you mean `modified`?"),
        ("-s state:modified", "`state:modified` needs a state to compare with", "give its folder with `--state`"),
        ("-s result:error", "`result:error` needs the results of an earlier run", "give its folder with `--state`"),
        (
            "-s source_status:fresher",
            "`source_status:fresher` needs an earlier sources.json",
            "run `source freshness`, and give the folder of the earlier one with `--state`",
        ),
        (
            "-s source_status:old",
            "`source_status:old` is not known",
            "one of fresher, pass, warn, error, runtime_error",
        ),
        ("-s source:a.b.c.d", "`source:a.b.c.d` has too many parts", None),
        ("-s exposure:a.b.c", "`exposure:a.b.c` has too many parts", "write `name` or `package.name`"),
        ("-s selector:keyvalu", "there is no selector `keyvalu`", "did you mean `keyvalue`?"),
    ],
)
def test_values_that_a_method_cannot_understand(
    flags: str, message: str, hint: str | None, shop: Project, graph: Graph
) -> None:
    with pytest.raises(UsageError) as raised:
        call(shop, graph, flags)
    assert raised.value.problems[0].message == message
    assert hint is None or raised.value.problems[0].hint == hint


def test_results_of_an_earlier_run(shop: Project, graph: Graph) -> None:
    results = {"model.shop.orders": "error", "model.shop.customers": "success", "model.shop.gone": "error"}
    selection = call(shop, graph, "-s result:error --indirect-selection empty", results=results)
    assert selection.ids == {"model.shop.orders"}
    assert call(shop, graph, "-s result:warn", results=results).unmatched == ("result:warn",)


def test_sources_with_newer_rows(shop: Project, graph: Graph) -> None:
    before = {
        "source.shop.raw.orders": SourceResult("2026-01-01T00:00:00+00:00"),
        "source.shop.raw.customers": SourceResult("2026-01-01T02:00:00+02:00"),
        "source.shop.raw.payments": SourceResult(None, "runtime error"),
    }
    now = {
        "source.shop.raw.orders": SourceResult("2026-01-01T00:00:01Z"),
        "source.shop.raw.customers": SourceResult("2026-01-01T00:00:00Z"),
        "source.shop.raw.payments": SourceResult("2026-01-01T00:00:00Z"),
        "source.shop.crm.leads": SourceResult("2026-01-01T00:00:00Z"),
        "source.shop.gone.gone": SourceResult("2026-01-01T00:00:00Z"),
    }
    selection = call(
        shop,
        graph,
        "-s source_status:fresher --indirect-selection empty",
        sources_before=before,
        sources_now=now,
    )
    assert selection.ids == {"source.shop.raw.orders", "source.shop.crm.leads"}


def test_a_broken_selectors_file_is_told_when_it_is_used(shop: Project, graph: Graph) -> None:
    broken = replace(shop, selectors={"a": {"definition": {"method": "selector", "value": "a"}}})
    with pytest.raises(ProjectError, match="in a circle: a -> a"):
        call(broken, graph, "-s selector:a")
    assert call(broken, graph, "-s orders").ids


# Paths


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("models/*.sql", "models/a.sql", True),
        ("models/*.sql", "models/b/a.sql", False),
        ("models/**/a.sql", "models/a.sql", True),
        ("models/**/a.sql", "models/b/c/a.sql", True),
        ("models/**", "models", True),
        ("models/**", "models/b/c", True),
        ("models/**", "model", False),
        ("**", "", True),
        ("**/c/**/e", "a/b/c/d/e", True),
        ("**/c/**/e", "a/b/d/e", False),
        ("m?dels", "models", True),
        ("m?dels", "m/dels", False),
        ("[!a]*", "models", True),
        ("[!a]*", "apples", False),
        ("*/" * 20 + "x", "a/" * 20 + "y", False),
        ("**/" * 30 + "x", "a/" * 60 + "y", False),
    ],
)
def test_globs(pattern: str, path: str, matches: bool) -> None:
    assert path_matcher(pattern)(path) is matches


def test_versions_are_ranked_by_value() -> None:
    assert sorted(["10", 9, "2.5", "alpha", 2], key=version_rank) == [2, "2.5", 9, "10", "alpha"]


# Laws


@cache
def a_project(seed: int) -> tuple[Project, Graph]:
    """A project of models with tags and tests over one or two of them."""
    import random

    random_number = random.Random(seed)
    nodes = {}
    names = [f"m{number}" for number in range(8)]
    for number, name in enumerate(names):
        above = random_number.sample(names[:number], min(number, random_number.randrange(3)))
        nodes[f"model.p.{name}"] = Node(
            id=f"model.p.{name}",
            resource_type="model",
            name=name,
            package="p",
            path=f"{name}.sql",
            original_path=f"models/{name}.sql",
            fqn=("p", name),
            config={"tags": [random_number.choice("abc")]},
            parents=tuple(f"model.p.{parent}" for parent in above),
        )
    for number in range(5):
        tested = random_number.sample(names, random_number.randrange(1, 3))
        nodes[f"test.p.t{number}"] = Node(
            id=f"test.p.t{number}",
            resource_type="test",
            name=f"t{number}",
            package="p",
            path="t.yml",
            original_path="models/t.yml",
            fqn=("p", f"t{number}"),
            parents=tuple(f"model.p.{name}" for name in tested),
            test=TestCase("not_null"),
        )
    project = Project(
        root="/p",
        settings=Settings(name="p"),
        packages={"p": Settings(name="p")},
        target=Target("p", "dev", "duckdb", "db", "main"),
        nodes=nodes,
    )
    return project, Graph.of(project)


CRITERIA = st.builds(
    Criterion,
    st.just("fqn"),
    st.sampled_from([f"m{number}" for number in range(8)] + ["m*", "t1", "none"]),
    parents=st.booleans(),
    parents_depth=st.sampled_from([None, 0, 1, 2]),
    children=st.booleans(),
    children_depth=st.sampled_from([None, 0, 1, 2]),
) | st.builds(Criterion, st.just("tag"), st.sampled_from("abc"), children=st.booleans())


def groups(parts: st.SearchStrategy[Selector]) -> st.SearchStrategy[Selector]:
    some = st.lists(parts, min_size=1, max_size=3).map(tuple)
    return (
        st.builds(Union, some, gathers=st.booleans())
        | st.builds(Intersection, some, gathers=st.booleans())
        | st.builds(Difference, parts, parts)
    )


SELECTORS: st.SearchStrategy[Selector] = st.recursive(CRITERIA, groups, max_leaves=6)
SEEDS = st.integers(0, 30)
MODES = st.sampled_from(INDIRECT)


def ids(seed: int, selector: Selector, mode: str = "eager") -> frozenset[str]:
    project, graph = a_project(seed)
    return select(project, graph, selector, SelectionContext(indirect=mode)).ids  # type: ignore[arg-type]


@settings(max_examples=100)
@given(SEEDS, SELECTORS, SELECTORS, MODES)
def test_set_algebra(seed: int, a: Selector, b: Selector, mode: str) -> None:
    one, two = ids(seed, a, mode), ids(seed, b, mode)
    assert ids(seed, Union((a, b)), mode) == one | two == ids(seed, Union((b, a)), mode)
    assert ids(seed, Intersection((a, b)), mode) == one & two == ids(seed, Intersection((b, a)), mode)
    assert ids(seed, Difference(a, b), mode) == one - two
    assert ids(seed, Union((a, a)), mode) == one == ids(seed, Intersection((a, a)), mode)
    assert ids(seed, Difference(Everything(), a), mode) | one == ids(seed, Everything())


@settings(max_examples=100)
@given(SEEDS, SELECTORS, SELECTORS, MODES)
def test_gathering_adds_only_tests_of_what_is_there(seed: int, a: Selector, b: Selector, mode: str) -> None:
    plain, gathered = ids(seed, Union((a, b)), mode), ids(seed, Union((a, b), gathers=True), mode)
    assert plain <= gathered
    assert all(id.startswith("test.") for id in gathered - plain)
    if mode == "cautious":
        graph = a_project(seed)[1]
        assert all(gathered.issuperset(graph.parents[id]) for id in gathered - plain)


@settings(max_examples=100)
@given(SEEDS, CRITERIA, MODES)
def test_modes_take_along_more_and_more(seed: int, a: Criterion, mode: str) -> None:
    empty, cautious, buildable, eager = (ids(seed, a, mode) for mode in ("empty", "cautious", "buildable", "eager"))
    assert empty <= cautious <= buildable <= eager
    assert ids(seed, replace(a, indirect=mode), "eager") == ids(seed, a, mode)  # type: ignore[arg-type]


@settings(max_examples=100)
@given(SEEDS, CRITERIA)
def test_walks_are_what_they_say(seed: int, a: Criterion) -> None:
    graph = a_project(seed)[1]
    start = ids(seed, replace(a, parents=False, children=False), "empty")
    above, below = graph.ancestors(start, a.parents_depth), graph.descendants(start, a.children_depth)
    walked = start | (above if a.parents else frozenset()) | (below if a.children else frozenset())
    assert ids(seed, a, "empty") == walked
    around = start | graph.descendants(start)
    assert ids(seed, replace(a, childrens_parents=True), "empty") == around | graph.ancestors(around)


@settings(max_examples=60)
@given(SEEDS, CRITERIA, st.integers(0, 4))
def test_a_longer_walk_finds_no_less(seed: int, a: Criterion, depth: int) -> None:
    shorter, longer = replace(a, parents_depth=depth), replace(a, parents_depth=depth + 1)
    assert ids(seed, shorter) <= ids(seed, longer) <= ids(seed, replace(a, parents_depth=None))


# Cost


def large(models: int = 1000) -> tuple[Project, Graph]:
    """So many models, and 17 tests for each four of them."""
    nodes: dict[str, Node] = {}
    for number in range(models):
        folder = f"area{number % 20}"
        nodes[f"model.p.m{number}"] = Node(
            id=f"model.p.m{number}",
            resource_type="model",
            name=f"m{number}",
            package="p",
            path=f"{folder}/m{number}.sql",
            original_path=f"models/{folder}/m{number}.sql",
            fqn=("p", folder, f"m{number}"),
            config={"tags": [f"t{number % 9}"]},
            parents=(f"model.p.m{number // 2}", f"model.p.m{number // 3}") if number else (),
        )
    for number in range(models * 17 // 4):
        nodes[f"test.p.t{number}"] = Node(
            id=f"test.p.t{number}",
            resource_type="test",
            name=f"t{number}",
            package="p",
            path="a.yml",
            original_path=f"models/area{number % 20}/a.yml",
            fqn=("p", f"area{number % 20}", f"t{number}"),
            parents=(f"model.p.m{number % models}",),
        )
    project = Project(
        root="/p",
        settings=Settings(name="p"),
        packages={"p": Settings(name="p")},
        target=Target("p", "dev", "duckdb", "db", "main"),
        nodes=nodes,
    )
    return project, Graph.of(project)


@pytest.mark.parametrize(
    "text", ["m5", "+m50", "m*", "tag:t3", "path:models/area3", "config.materialized:view", "resource_type:test"]
)
def test_selecting_takes_steps_in_proportion(text: str) -> None:
    def effort(models: int) -> int:
        project, graph = large(models)
        graph.children  # noqa: B018
        assert select(project, graph, parse_selection([text])).ids
        return steps(lambda: select(project, graph, parse_selection([text])))

    assert effort(400) < 6 * effort(100)


def test_many_names_do_not_search_all_nodes_each() -> None:
    def effort(names: int) -> int:
        selection = parse_selection([f"m{number}" for number in range(names)])
        return steps(lambda: select(project, graph, selection))

    project, graph = large(400)
    assert len(select(project, graph, parse_selection([f"m{number}" for number in range(400)])).ids) == 2100
    assert effort(400) < 6 * effort(100)

"""States: what is read from earlier artifacts, and how a project differs from them, against dbt's verdicts."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eltbuild.adapter import Target
from eltbuild.errors import ProjectError, UsageError
from eltbuild.graph.comparison import ASPECTS, Comparison
from eltbuild.graph.graph import Graph
from eltbuild.graph.select import SelectionContext, parse_selection, select
from eltbuild.graph.state import SourceResult, State, load_results, load_sources, load_state
from eltbuild.graph.written import plain
from eltbuild.project.project import Project, Settings
from eltbuild.project.resources import Node, UnitTest
from eltbuild.relation import Relation

FIXTURES = Path(__file__).parents[2] / "fixtures" / "select"
EDITS: Mapping[str, Any] = json.loads((FIXTURES / "state_edits.json").read_text())
Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return json.loads((FIXTURES / "state.json").read_text())  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def state(manifest: Manifest, tmp_path_factory: pytest.TempPathFactory) -> State:
    folder = tmp_path_factory.mktemp("state")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return load_state(folder)


def edited(manifest: Manifest, changed: Mapping[str, Mapping[str, Any]]) -> Manifest:
    """The manifest with the fields of some resources replaced; None takes a field or a resource away."""
    after = copy.deepcopy(manifest)
    for section, resources in changed.items():
        for id, fields in resources.items():
            if fields is None:
                del after[section][id]
                continue
            entry = after[section].setdefault(id, {})
            entry.update(fields)
            for key in [key for key, value in entry.items() if value is None]:
                del entry[key]
    return after


# dbt's verdicts: what `dbt ls --select state:...` lists after one edit


@pytest.mark.parametrize("name", [name for name in EDITS if name != "semantic"])
def test_as_dbt_judges(name: str, manifest: Manifest, state: State, project_from: Callable[..., Project]) -> None:
    project = project_from(edited(manifest, EDITS[name]["changed"]))
    graph = Graph.of(project)
    expected = EDITS[name]["expected"]
    for aspect in ASPECTS:
        if aspect in ("old", "unmodified"):
            continue
        context = SelectionContext(indirect="empty", previous=state)
        selector = parse_selection([f"state:{aspect}"])
        if expected.get(aspect) == "error":
            with pytest.raises(ProjectError):
                select(project, graph, selector, context)
        else:
            selection = select(project, graph, selector, context)
            assert (aspect, sorted(selection.ids)) == (aspect, expected.get(aspect, []))
            if aspect == "modified":
                assert len(selection.problems) == EDITS[name].get("warnings", 0)


def test_old_and_unmodified_are_the_rest(
    manifest: Manifest, state: State, project_from: Callable[..., Project]
) -> None:
    project = project_from(edited(manifest, EDITS["model new"]["changed"]))
    graph = Graph.of(project)

    def ids(aspect: str) -> frozenset[str]:
        context = SelectionContext(indirect="empty", previous=state)
        return select(project, graph, parse_selection([f"state:{aspect}"]), context).ids

    everything = select(project, graph, parse_selection()).ids
    assert ids("new") == {"model.shop.fresh"}
    assert ids("old") == everything - ids("new")
    assert ids("unmodified") == everything - ids("modified") == everything - {"model.shop.fresh"}


def test_what_stands_on_the_modified_follows(
    manifest: Manifest, state: State, project_from: Callable[..., Project]
) -> None:
    project = project_from(edited(manifest, EDITS["comment"]["changed"]))
    context = SelectionContext(previous=state)
    selection = select(project, Graph.of(project), parse_selection(["state:modified+1,resource_type:model"]), context)
    assert selection.ids >= {"model.shop.stg_orders", "model.shop.orders"}


def test_a_broken_contract_is_told_with_all_that_broke(
    manifest: Manifest, state: State, project_from: Callable[..., Project]
) -> None:
    project = project_from(edited(manifest, EDITS["contract removed column"]["changed"]))
    comparison = Comparison(project, state)
    assert comparison.changes(project.nodes["model.shop.orders"]) == {"contract"}
    assert [(problem.severity, problem.message) for problem in comparison.problems] == [
        ("warning", "model `orders` breaks its contract: column `amount` was removed")
    ]
    project = project_from(edited(manifest, EDITS["contract versioned type"]["changed"]))
    comparison = Comparison(project, state)
    comparison.changes(project.nodes["model.shop.dim.v2"])
    (problem,) = comparison.problems
    assert problem.severity == "error"
    assert problem.message.startswith("model `dim.v2` breaks its contract: the type of column `a` was integer")


def test_changes_say_in_what(manifest: Manifest, state: State, project_from: Callable[..., Project]) -> None:
    project = project_from(edited(manifest, EDITS["config in file"]["changed"]))
    comparison = Comparison(project, state)
    assert comparison.changes(project.nodes["model.shop.stg_payments"]) == {"body", "configs"}
    assert comparison.changes(project.nodes["model.shop.stg_orders"]) == frozenset()
    project = project_from(edited(manifest, EDITS["model new"]["changed"]))
    assert Comparison(project, state).changes(project.nodes["model.shop.fresh"]) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"enforced": True}, "{'enforced': True}", True),
        (["a", "b"], "['a', 'b']", True),
        (("a",), ["a"], True),
        (True, "True", True),
        ({"a": None}, {}, True),
        # dbt writes lists in `meta` down twice.
        ({"flags": ["a", "b"]}, {"flags": ["a", "b", "a", "b"]}, True),
        (["a", "a", "b"], ["a", "b"], False),
        ("{{ var('x') }}", "{{ var('y') }}", False),
        ("{{ 'x' }}", "{{ 'x' }}", True),
        ("a", "b", False),
        ("[", "[", True),
        ("{" * 10_000, "{" * 10_000, True),
    ],
)
def test_configs_are_compared_however_they_are_written(one: Any, other: Any, same: bool) -> None:
    assert (plain(one) == plain(other)) is same


def seed(checksum: str, path: str = "seeds/big.csv") -> tuple[Project, Node]:
    node = Node(
        id="seed.p.big",
        resource_type="seed",
        name="big",
        package="p",
        path="big.csv",
        original_path=path,
        fqn=("p", "big"),
        checksum=checksum,
    )
    settings = Settings(name="p")
    target = Target("p", "dev", "duckdb", "db", "main")
    return Project(root="/p", settings=settings, packages={"p": settings}, target=target, nodes={node.id: node}), node


def a_state(folder: Path, **sections: Any) -> State:
    (folder / "manifest.json").write_text(json.dumps({"nodes": {}, **sections}))
    return load_state(folder)


@pytest.mark.parametrize(
    ("before", "changes"),
    [
        ({"name": "sha256", "checksum": "abc"}, frozenset()),
        ({"name": "sha256", "checksum": "abd"}, {"body"}),
        ({"name": "path", "checksum": "seeds/big.csv"}, frozenset()),
        ({"name": "path", "checksum": "seeds\\big.csv"}, frozenset()),
        ({"name": "path", "checksum": "seeds/other.csv"}, {"body"}),
        (None, {"body"}),
    ],
)
def test_seeds_are_compared_by_checksum(before: Any, changes: set[str], tmp_path: Path) -> None:
    project, node = seed("abc")
    entry = {"resource_type": "seed", "name": "big", "fqn": ["p", "big"], "checksum": before}
    assert Comparison(project, a_state(tmp_path, nodes={node.id: entry})).changes(node) == changes


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ({"input": "ref('a')", "rows": [{"id": 1}]}, frozenset()),
        ({"input": "ref('a')", "rows": [{"id": 1}], "format": "dict", "fixture": None}, frozenset()),
        ({"input": "ref('a')", "rows": [{"id": 2}]}, {"content"}),
        ({"input": "ref('b')", "rows": [{"id": 1}]}, {"content"}),
    ],
)
def test_unit_tests_are_compared_by_what_stands_in_them(given: Any, changes: set[str], tmp_path: Path) -> None:
    test = UnitTest(
        id="unit_test.p.m.u",
        name="u",
        package="p",
        path="",
        original_path="",
        model="m",
        given=(given,),
        expect={"rows": [{"id": 1}]},
        checksum="ours",
    )
    before = {
        "model": "m",
        "given": [{"input": "ref('a')", "rows": [{"id": 1}], "format": "dict", "fixture": None}],
        "expect": {"rows": [{"id": 1}], "format": "dict", "fixture": None},
        "overrides": None,
        "checksum": "theirs",
    }
    project = seed("x")[0]
    state = a_state(tmp_path, unit_tests={test.id: before})
    assert Comparison(project, state).changes(test) == changes
    same = a_state(tmp_path, unit_tests={test.id: {**before, "checksum": "ours"}})
    assert Comparison(project, same).changes(test) == frozenset()


def test_macros_of_dbt_itself_are_not_compared(
    manifest: Manifest, state: State, project_from: Callable[..., Project]
) -> None:
    project = project_from(manifest)
    test = next(node for node in project.nodes.values() if "macro.dbt.test_not_null" in node.macros)
    other = replace(next(iter(project.macros.values())), id="macro.dbt.test_not_null", package="dbt", text="other")
    project = replace(project, macros={**project.macros, other.id: other})
    assert Comparison(project, state).changes(test) == frozenset()


def test_macros_that_call_each_other_end_the_search(
    manifest: Manifest, state: State, project_from: Callable[..., Project]
) -> None:
    changed = {
        "macros": {
            "macro.shop.euro": {"depends_on": {"macros": ["macro.shop.helper"]}},
            "macro.shop.helper": {"depends_on": {"macros": ["macro.shop.euro", "macro.shop.gone"]}},
            "macro.shop.new": {"macro_sql": "x", "depends_on": {"macros": []}},
        }
    }
    project = project_from(edited(manifest, changed))
    assert Comparison(project, state).changes(project.nodes["model.shop.stg_payments"]) == frozenset()


# Reading


def test_a_state_tells_where_things_stood(state: State, manifest: Manifest) -> None:
    assert state.resources["model.shop.orders"].relation == Relation("shop", "main", "orders")
    assert state.resources["source.shop.raw.orders"].relation == Relation("shop", "main", "orders")
    assert state.resources["model.shop.stg_payments"].relation is None
    assert state.adapter == "duckdb"
    assert set(state.resources) == {
        id for section in manifest if section not in ("metadata", "macros") for id in manifest[section]
    }


GOOD: Mapping[str, Any] = {"nodes": {"model.p.a": {"fqn": ["p", "a"]}}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is damaged: Input data was truncated"),
        (b"{", "is damaged: Input data was truncated"),
        (b"[]", "is damaged: Expected `object`, got `array`"),
        (b"{}", "is damaged: Object missing required field `nodes`"),
        (b'{"nodes": []}', r"is damaged: Expected `object`, got `array` - at `\$.nodes`"),
        (b'{"nodes": {"a": {"fqn": 3}}}', r"is damaged: Expected `array`, got `int`"),
        (b'{"nodes": {"a": {"name": "\xff"}}}', "is damaged"),
        (b"\x00\x01\x02", "is damaged"),
        (b'{"nodes": {}, "x": ' + b"[" * 100_000, "is damaged"),
        (
            b'{"nodes": {}, "metadata": {"dbt_schema_version": "https://x/manifest/v4.json"}}',
            "schema v4, which is too old",
        ),
    ],
)
def test_a_damaged_manifest_is_a_clear_error(text: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(text)
    with pytest.raises(UsageError, match=message) as raised:
        load_state(tmp_path)
    assert str(tmp_path / "manifest.json") in str(raised.value)
    assert raised.value.problems[0].hint


@pytest.mark.parametrize("load", [load_state, load_results, load_sources])
def test_a_missing_artifact_is_a_clear_error(load: Callable[[Path], Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no .*\.json"):
        load(tmp_path)
    with pytest.raises(UsageError, match=r"there is no .*\.json"):
        load(tmp_path / "gone")


def test_unknown_fields_and_newer_schemas_are_read(tmp_path: Path) -> None:
    metadata = {"dbt_schema_version": "https://x/manifest/v99.json", "new": [1]}
    state = a_state(tmp_path, **{**GOOD, "metadata": metadata, "more": {"x": 1}})
    assert state.resources["model.p.a"].fqn == ("p", "a")


def test_results(tmp_path: Path) -> None:
    results = [{"unique_id": "model.p.a", "status": "error", "timing": []}, {"unique_id": "test.p.t", "status": "pass"}]
    (tmp_path / "run_results.json").write_text(json.dumps({"results": results, "args": {}}))
    assert load_results(tmp_path) == {"model.p.a": "error", "test.p.t": "pass"}
    (tmp_path / "run_results.json").write_text('{"results": [{"status": "error"}]}')
    with pytest.raises(UsageError, match=r"run_results.json is damaged: Object missing required field `unique_id`"):
        load_results(tmp_path)


def test_freshness(tmp_path: Path) -> None:
    results = [
        {"unique_id": "source.p.a.b", "status": "pass", "max_loaded_at": "2026-01-01T00:00:00+00:00"},
        {"unique_id": "source.p.a.c", "status": "runtime error", "error": "gone"},
    ]
    (tmp_path / "sources.json").write_text(json.dumps({"results": results}))
    assert load_sources(tmp_path) == {
        "source.p.a.b": SourceResult("2026-01-01T00:00:00+00:00", "pass"),
        "source.p.a.c": SourceResult(None, "runtime error"),
    }


@pytest.mark.parametrize(
    ("now", "before", "fresher"),
    [
        ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", True),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", False),
        ("2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00", False),
        ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", False),
        (None, "2026-01-01T00:00:00Z", False),
        ("2026-01-01T00:00:00Z", None, False),
        ("not a time", "2026-01-01T00:00:00Z", False),
    ],
)
def test_fresher(now: str | None, before: str | None, fresher: bool) -> None:
    assert SourceResult(now).fresher_than(SourceResult(before)) is fresher
    assert SourceResult(now).fresher_than(None) is (now is not None)

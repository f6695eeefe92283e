"""The graph: order, reach, circles."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from effort import steps
from hypothesis import given
from hypothesis import strategies as st

from eltbuild.adapter import Target
from eltbuild.errors import Place, ProjectError
from eltbuild.graph.graph import Graph
from eltbuild.project.project import Project, Settings
from eltbuild.project.resources import Exposure, Node, Ref, Source, UnitTest

DIAMOND = {"d": ("b", "c"), "b": ("a",), "c": ("a",), "a": (), "e": ("d",)}


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    count = draw(st.integers(0, 12))
    parents = {
        f"n{number:02}": tuple(f"n{above:02}" for above in draw(st.sets(st.integers(0, number - 1), max_size=3)))
        if number
        else ()
        for number in range(count)
    }
    return Graph.from_parents(parents)


def test_children_are_parents_read_backwards() -> None:
    assert Graph.from_parents(DIAMOND).children == {"a": ("b", "c"), "b": ("d",), "c": ("d",), "d": ("e",), "e": ()}


def test_order_is_by_distance_and_then_by_id() -> None:
    assert Graph.from_parents(DIAMOND).order == ("a", "b", "c", "d", "e")
    assert Graph.from_parents({"z": (), "a": (), "m": ("z",)}).order == ("a", "z", "m")


def test_sort_keeps_to_the_order_and_puts_strangers_last() -> None:
    assert Graph.from_parents(DIAMOND).sort({"stranger", "e", "c", "alien"}) == ("c", "e", "alien", "stranger")


@pytest.mark.parametrize(
    ("depth", "above", "below"),
    [
        (None, {"a", "b", "c", "d"}, {"b", "c", "d", "e"}),
        (0, set(), set()),
        (1, {"d"}, {"b", "c"}),
        (2, {"b", "c", "d"}, {"b", "c", "d"}),
        (99, {"a", "b", "c", "d"}, {"b", "c", "d", "e"}),
    ],
)
def test_reach_by_depth(depth: int | None, above: set[str], below: set[str]) -> None:
    graph = Graph.from_parents(DIAMOND)
    assert graph.ancestors(["e"], depth) == above
    assert graph.descendants(["a"], depth) == below


def test_reach_leaves_out_where_it_began_and_bears_strangers() -> None:
    graph = Graph.from_parents(DIAMOND)
    assert graph.ancestors(["d", "b"]) == {"a", "c"}
    assert graph.descendants(["stranger"]) == frozenset()


def test_parents_that_do_not_exist_are_left_out_and_others_counted_once() -> None:
    graph = Graph.from_parents({"a": ("gone",), "b": ("a", "gone", "a")})
    assert graph.parents == {"a": (), "b": ("a",)}


@given(graphs())
def test_order_has_everything_once_and_parents_first(graph: Graph) -> None:
    place = {id: number for number, id in enumerate(graph.order)}
    assert sorted(place) == sorted(graph.parents)
    assert all(place[parent] < place[id] for id, above in graph.parents.items() for parent in above)


@given(graphs(), st.data())
def test_ancestors_and_descendants_are_two_sides(graph: Graph, data: st.DataObject) -> None:
    if graph.order:
        a, b = data.draw(st.sampled_from(graph.order)), data.draw(st.sampled_from(graph.order))
        assert (a in graph.ancestors([b])) == (b in graph.descendants([a]))
        assert graph.ancestors([b]) == frozenset(graph.parents[b]).union(
            *(graph.ancestors([p]) for p in graph.parents[b])
        )


# Circles


def messages(build: Callable[[], object]) -> list[str]:
    with pytest.raises(ProjectError) as raised:
        build()
    return [problem.message for problem in raised.value.problems]


def test_every_circle_is_named_as_its_shortest_path() -> None:
    parents = {
        "a": ("b",),
        "b": ("c",),
        "c": ("a", "d"),
        "d": ("c",),
        "x": ("y", "root"),
        "y": ("x",),
        "self": ("self",),
        "below": ("a",),
        "root": (),
    }
    assert messages(lambda: Graph.from_parents(parents)) == [
        "Found a cycle of references: a -> b -> c -> a",
        "Found a cycle of references: self -> self",
        "Found a cycle of references: x -> y -> x",
    ]


def test_a_very_long_circle_is_found_without_recursion() -> None:
    parents = {str(number): (str((number + 1) % 5000),) for number in range(5000)}
    assert len(messages(lambda: Graph.from_parents(parents))) == 1


def model(name: str, *refs: tuple[str, int]) -> Node:
    path = f"models/{name}.sql"
    return Node(
        id=f"model.shop.{name}",
        resource_type="model",
        name=name,
        package="shop",
        path=f"{name}.sql",
        original_path=path,
        place=Place(path),
        refs=tuple(Ref(ref, place=Place(path, line, 3)) for ref, line in refs),
        parents=tuple(f"model.shop.{ref}" for ref, _ in refs),
    )


def project(*nodes: Node, **others: object) -> Project:
    return Project(
        root="/p",
        settings=Settings(name="shop"),
        packages={},
        target=Target("p", "dev", "duckdb", "db", "main"),
        nodes={node.id: node for node in nodes},
        **others,  # type: ignore[arg-type]
    )


def test_a_circle_in_a_project_shows_where_it_is_written() -> None:
    with pytest.raises(ProjectError) as raised:
        Graph.of(project(model("orders", ("payments", 7)), model("payments", ("orders", 2)), model("other")))
    assert str(raised.value) == (
        "models/orders.sql:7:3: Found a cycle of references: orders -> payments -> orders\n"
        "    hint: the references are at models/orders.sql:7:3, models/payments.sql:2:3"
    )


def test_a_model_of_itself() -> None:
    assert messages(lambda: Graph.of(project(model("a", ("a", 1))))) == ["Found a cycle of references: a -> a"]


def test_the_graph_of_a_project_holds_every_kind() -> None:
    source = Source(id="source.shop.raw.t", name="t", source_name="raw", package="shop", path="", original_path="")
    exposure = Exposure(
        id="exposure.shop.board",
        name="board",
        package="shop",
        path="",
        original_path="",
        parents=("model.shop.a", source.id, "metric.shop.gone"),
    )
    unit_test = UnitTest(
        id="unit_test.shop.a.u", name="u", package="shop", path="", original_path="", parents=("model.shop.a",)
    )
    graph = Graph.of(
        project(
            model("a"),
            sources={source.id: source},
            exposures={exposure.id: exposure},
            unit_tests={unit_test.id: unit_test},
        )
    )
    assert graph.parents == {
        "model.shop.a": (),
        source.id: (),
        exposure.id: ("model.shop.a", source.id),
        unit_test.id: ("model.shop.a",),
    }


def test_ordering_takes_steps_in_proportion() -> None:
    def effort(nodes: int) -> int:
        parents = {f"m{number}": (f"m{number // 2}", f"m{number // 3}") if number else () for number in range(nodes)}
        assert len(Graph.from_parents(parents).order) == nodes
        return steps(lambda: Graph.from_parents(parents).order)

    assert effort(8000) < 5 * effort(2000)

"""How selectors are written: on the command line, and in selectors.yml."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eltbuild.errors import ProjectError, UsageError
from eltbuild.graph.definitions import default_selector, parse_definition, parse_selectors, unknown_keys
from eltbuild.graph.selectors import (
    Criterion,
    Difference,
    Everything,
    Intersection,
    Union,
    criteria,
    default_method,
    parse_criterion,
    parse_selection,
)

# The command line


@pytest.mark.parametrize(
    ("text", "criterion"),
    [
        ("orders", Criterion("fqn", "orders")),
        ("tag:nightly", Criterion("tag", "nightly")),
        ("+orders", Criterion("fqn", "orders", parents=True)),
        ("orders+", Criterion("fqn", "orders", children=True)),
        ("2+orders+13", Criterion("fqn", "orders", True, 2, True, 13)),
        ("0+orders", Criterion("fqn", "orders", parents=True, parents_depth=0)),
        ("@orders", Criterion("fqn", "orders", childrens_parents=True)),
        ("@tag:a", Criterion("tag", "a", childrens_parents=True)),
        ("+config.meta.owner:ann+1", Criterion("config.meta.owner", "ann", True, None, True, 1)),
        ("models/staging", Criterion("path", "models/staging")),
        (r"models\staging", Criterion("path", r"models\staging")),
        (r"C:\shop\models", Criterion("path", r"C:\shop\models")),
        ("+orders.sql", Criterion("file", "orders.sql", parents=True)),
        ("tag:a:b", Criterion("tag", "a:b")),
        ("tag:", Criterion("tag", "")),
        ("", Criterion("fqn", "")),
        (":x", Criterion("fqn", ":x")),
        ("++orders", Criterion("fqn", "+orders", parents=True)),
        ("orders+x", Criterion("fqn", "orders+x")),
        ("99999999999+orders", Criterion("fqn", "orders", parents=True)),
    ],
)
def test_one_criterion(text: str, criterion: Criterion) -> None:
    parsed = parse_criterion(text)
    assert parsed == criterion
    assert parsed.text == text


@pytest.mark.parametrize(
    ("value", "method"),
    [("orders", "fqn"), ("a.b", "fqn"), ("a/b", "path"), ("a.SQL", "file"), ("a.py", "file"), ("a.csv", "file")],
)
def test_the_method_of_a_bare_value(value: str, method: str) -> None:
    assert default_method(value) == method


def test_spaces_unite_and_commas_intersect() -> None:
    a, b, c = (Criterion("fqn", name) for name in "abc")
    assert parse_selection(["a b", "c"]) == Union((a, b, c), gathers=True)
    assert parse_selection(["a,b c"]) == Union((Intersection((a, b), gathers=True), c), gathers=True)
    assert parse_selection(["a"], ["b", "c"]) == Difference(
        Union((a,), gathers=True), Union((b, c), gathers=True), gathers=True
    )


def test_nothing_given_is_everything_but_a_blank_is_nothing() -> None:
    assert parse_selection() == Everything()
    assert parse_selection([], ["a"]) == Difference(
        Everything(), Union((Criterion("fqn", "a"),), gathers=True), gathers=True
    )
    assert parse_selection([" "]) == Union((Criterion("fqn", ""),), gathers=True)


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(UsageError) as raised:
        parse_selection(["tagg:a @b+"], ["nope:x"])
    assert str(raised.value) == (
        "`tagg:a`: there is no selection method `tagg`\n"
        "    hint: did you mean `tag`?\n"
        "`@b+`: `@` in front and `+` behind cannot stand together\n"
        "    hint: `@` already takes all descendants along\n"
        "`nope:x`: there is no selection method `nope`\n"
        "    hint: methods: access, config, exposure, file, fqn, function, group, metric, package, path, "
        "resource_type, result, saved_query, selector, semantic_model, source, source_status, state, tag, test_name, "
        "test_type, unit_test, version"
    )


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(UsageError):
        assert parse_selection([text])


@given(st.text(alphabet="@+0123.,: ab*[]", max_size=30))
def test_texts_of_signs_are_read_or_refused(text: str) -> None:
    try:
        selector = parse_selection([text])
    except UsageError:
        return
    assert all(parse_criterion(criterion.text) == criterion for criterion in criteria(selector))


# selectors.yml


@pytest.mark.parametrize(
    ("definition", "selector"),
    [
        ("tag:a+", Criterion("tag", "a", children=True)),
        ("a b", Union((Criterion("fqn", "a"), Criterion("fqn", "b")))),
        ("a,b", Intersection((Criterion("fqn", "a"), Criterion("fqn", "b")))),
        ({"tag": "a"}, Criterion("tag", "a")),
        ({"config.meta.level": 1}, Criterion("config.meta.level", 1)),
        ({"method": "tag", "value": "a"}, Criterion("tag", "a")),
        ({"method": "tag", "value": "a+"}, Criterion("tag", "a+")),
        (
            {
                "method": "tag",
                "value": "a",
                "parents": True,
                "parents_depth": 1,
                "children": True,
                "children_depth": "2",
                "indirect_selection": "cautious",
            },
            Criterion("tag", "a", True, 1, True, 2, indirect="cautious"),
        ),
        ({"method": "tag", "value": "a", "childrens_parents": True}, Criterion("tag", "a", childrens_parents=True)),
        (
            {"method": "tag", "value": "a", "exclude": ["b"]},
            Difference(Criterion("tag", "a"), Union((Criterion("fqn", "b"),))),
        ),
        ({"union": ["a", {"tag": "b"}]}, Union((Criterion("fqn", "a"), Criterion("tag", "b")))),
        ({"intersection": ["a", "b"]}, Intersection((Criterion("fqn", "a"), Criterion("fqn", "b")))),
        (
            {"union": ["a", {"exclude": ["b", {"exclude": ["c"]}]}]},
            Difference(
                Union((Criterion("fqn", "a"),)),
                Difference(Union((Criterion("fqn", "b"),)), Union((Criterion("fqn", "c"),))),
            ),
        ),
        ({"method": "selector", "value": "other"}, Criterion("selector", "other")),
    ],
)
def test_definitions(definition: Any, selector: object) -> None:
    assert parse_definition(definition) == selector


@pytest.mark.parametrize(
    ("definition", "messages"),
    [
        (None, ["a definition is a text or a mapping, not nothing"]),
        (["a"], ["a definition is a text or a mapping, not a list"]),
        (3, ["a definition is a text or a mapping, not `3`"]),
        ({}, ["a definition needs `method` and `value`, `union` or `intersection`; it has nothing"]),
        (
            {"tag": "a", "path": "b"},
            ["a definition needs `method` and `value`, `union` or `intersection`; it has `tag`, `path`"],
        ),
        ({"method": "tag"}, ["the criterion of method `tag` has no `value`"]),
        (
            {"method": "tag", "value": "a", "parents_depth": "x", "children_depth": True},
            ["`parents_depth` is a whole number, not `x`", "`children_depth` is a whole number, not `True`"],
        ),
        ({"method": "tag", "value": ["a"]}, ["the value of method `tag` is a text, not a list"]),
        (
            {"method": "tag", "value": "a", "indirect_selection": "greedy"},
            ["`indirect_selection` is one of eager, cautious, buildable, empty, not `greedy`"],
        ),
        (
            {"method": "tag", "value": "a", "children": True, "childrens_parents": True},
            ["`childrens_parents` and `children` cannot stand together"],
        ),
        ({"union": "a"}, ["`union` needs a list of definitions, not the text `a`"]),
        ({"union": []}, ["`union` needs a list of definitions, not a list"]),
        ({"union": ["a"], "intersection": ["b"]}, ["`union` stands alone in its definition, here with `intersection`"]),
        ({"union": [{"exclude": ["a"]}]}, ["`union` has nothing but an `exclude`"]),
        (
            {"union": ["a", {"exclude": ["b"]}, {"exclude": ["c"]}]},
            ["only one `exclude` may stand in a `union`"],
        ),
        ({"union": ["a", {"exclude": "b"}]}, ["`exclude` needs a list of definitions, not the text `b`"]),
        ("tagg:a", ["`tagg:a`: there is no selection method `tagg` (did you mean `tag`?)"]),
        ({"union": [None, "@a+"]}, None),
    ],
)
def test_definitions_that_are_wrong(definition: Any, messages: list[str] | None) -> None:
    with pytest.raises(ProjectError) as raised:
        parse_definition(definition, "nightly")
    found = [problem.message for problem in raised.value.problems]
    assert all(str(problem).startswith("selectors.yml: ") for problem in raised.value.problems)
    if messages is None:
        assert len(found) == 2
    else:
        assert [message.removeprefix("selector `nightly`: ") for message in found] == messages


def test_a_definition_nested_without_end_is_refused() -> None:
    definition: Any = "a"
    for _ in range(100_000):
        definition = {"union": [definition]}
    with pytest.raises(ProjectError, match="nested too deep"):
        parse_definition(definition, "deep")


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["method", "value", "union", "intersection", "exclude", "tag", "parents", "children_depth"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(JSON)
def test_any_value_is_read_or_refused(value: Any) -> None:
    with suppress(ProjectError):
        assert parse_definition(value)


def test_selectors_are_read_together_with_all_that_is_wrong() -> None:
    entries = {
        "good": {"name": "good", "definition": "tag:a"},
        "bare": "tag:b",
        "bad": {"definition": {"method": "tag"}},
        "lost": {"definition": "selector:goood"},
        "one": {"definition": {"union": ["selector:two", "a"]}},
        "two": {"definition": {"method": "selector", "value": "one"}},
    }
    with pytest.raises(ProjectError) as raised:
        parse_selectors(entries)
    assert [str(problem) for problem in raised.value.problems] == [
        "selectors.yml: selector `bad`: the criterion of method `tag` has no `value`",
        "selectors.yml: selector `lost` refers to selector `goood`, which was not found\n"
        "    hint: did you mean `good`?",
        "selectors.yml: selectors refer to each other in a circle: one -> two -> one",
    ]
    kept = {name: entries[name] for name in ("good", "bare")}
    assert parse_selectors(kept) == {"good": Criterion("tag", "a"), "bare": Criterion("tag", "b")}


def test_a_wildcard_that_covers_its_own_selector_is_a_circle() -> None:
    with pytest.raises(ProjectError, match=r"in a circle: all -> all"):
        parse_selectors({"all": "selector:a*", "any": "tag:x"})


def test_the_default_selector() -> None:
    entries: dict[str, Any] = {"a": {"definition": "x", "default": "{{ target }}"}, "b": {"definition": "y"}, "c": "z"}
    assert default_selector(entries) is None
    assert default_selector(entries, lambda value: "True " if value else value) == "a"
    assert default_selector({"a": {"definition": "x", "default": True}}) == "a"
    with pytest.raises(ProjectError, match="more than one selector is the default: `a`, `b`"):
        default_selector({name: {"definition": "x", "default": True} for name in "ab"})


def test_keys_without_meaning_are_told_wherever_they_stand() -> None:
    lone = {"method": "tag", "value": "a", "childs": True}
    deep = {
        "definition": {"union": ["a", {"exclude": [{"intersection": [{"method": "fqn", "value": "b", "parent": 1}]}]}]}
    }
    found = list(unknown_keys({"nightly": {"definition": lone}, "weekly": deep, "plain": {"definition": {"tag": "x"}}}))
    assert [(problem.message, problem.hint, problem.severity) for problem in found] == [
        (
            "selector `nightly`: a criterion has no key `childs`, which means nothing",
            "did you mean `children`?",
            "warning",
        ),
        (
            "selector `weekly`: a criterion has no key `parent`, which means nothing",
            "did you mean `parents`?",
            "warning",
        ),
    ]
    assert parse_definition(lone, "nightly") == parse_definition({"method": "tag", "value": "a"}, "nightly")

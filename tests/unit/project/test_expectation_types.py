"""The table of expectations against Great Expectations as it is installed: the same types, arguments and values."""

from __future__ import annotations

import os
import warnings
from typing import Any

import pytest

from eltbuild.project.expectation_types import COMMON, EXPECTATIONS, KINDS
from eltbuild.project.expectations import wrong_arguments
from eltbuild.project.suite_texts import Written, suite_json

OTHERS = {
    "id", "meta", "result_format", "catch_exceptions", "rendered_content", "windows", "batch_id", "severity",
    "description", "library_metadata",
}  # fmt: skip
"""What the library's expectations have besides arguments."""

GOOD: dict[str, Any] = {
    "text": "id", "texts": ["id", "name"], "truth": True, "number": 1.5, "whole": 2, "bound": 1, "share": 0.5,
    "positive": 1.5, "list": ["id", "name"], "values": ["id"], "pairs": [[1, 2]], "mapping": {"values": ["a"], "weights": [1.0]},
    "quantiles": {"quantiles": [0.5], "value_ranges": [[0, 1]]}, "any": "col(\"id\") > 1",
}  # fmt: skip
BAD: dict[str, Any] = {
    "texts": "id", "number": "many", "whole": "many", "bound": "many", "share": 1.5, "positive": -1, "list": 3, "values": [],
    "pairs": [1], "mapping": 3, "quantiles": 3,
}  # fmt: skip
"""Values that neither we nor the library take for an argument of that kind."""


@pytest.fixture(scope="module")
def library() -> dict[str, Any]:
    """The classes of the library's expectations by their names."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from great_expectations.expectations import registry

        names = registry.list_registered_expectation_implementations()
        classes = {name: registry.get_expectation_impl(name) for name in names}
        # Classes of projects that other tests have loaded stand there, too.
        return {name: one for name, one in classes.items() if one.__module__.startswith("great_expectations.")}


def configured(name: str, arguments: dict[str, Any]) -> Any:
    """The library's own object. Raises what the library raises."""
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    return ExpectationConfiguration(type=name, kwargs=arguments).to_domain_obj()


def sample(name: str, *, only_required: bool = False) -> dict[str, Any]:
    """Arguments of that expectation that are right."""
    kind = EXPECTATIONS[name]
    wanted = [argument for argument in kind.arguments.values() if argument not in COMMON]
    found = {
        argument.name: argument.kind.split("|")[0] if "|" in argument.kind else GOOD[argument.kind]
        for argument in wanted
        if argument.required or not only_required or argument.name == (kind.either or ("",))[0]
    }
    if "escape" in found:
        found["escape"] = "!"
    if name == "expect_column_kl_divergence_to_be_less_than" and not only_required:
        found["threshold"] = 0.1
    return found


def test_there_are_the_same_expectations(library: dict[str, Any]) -> None:
    assert set(EXPECTATIONS) == set(library)


def test_they_have_the_same_arguments(library: dict[str, Any]) -> None:
    for name, found in library.items():
        theirs = {key: field.required for key, field in found.__fields__.items() if key not in OTHERS}
        ours = {argument.name: argument.required for argument in EXPECTATIONS[name].arguments.values()}
        for common in COMMON:
            theirs.setdefault(common.name, False)
        assert ours == {key: bool(required) for key, required in theirs.items()}, name


def test_what_we_take_the_library_takes(library: dict[str, Any]) -> None:
    for name in library:
        for arguments in (sample(name), sample(name, only_required=True)):
            assert list(wrong_arguments(name, arguments, None)) == [], name
            configured(name, arguments)


def test_what_we_refuse_the_library_refuses(library: dict[str, Any]) -> None:
    refused = 0
    for name in library:
        right = sample(name)
        for argument in EXPECTATIONS[name].arguments.values():
            if argument in COMMON:
                continue
            wrong = [{key: value for key, value in right.items() if key != argument.name}] if argument.required else []
            if argument.kind in BAD:
                wrong.append({**right, argument.name: BAD[argument.kind]})
            wrong.append({**right, f"{argument.name}s": 1})
            for arguments in wrong:
                told = [problem.message for problem in wrong_arguments(name, arguments, None)]
                assert len(told) == 1, (name, arguments, told)
                with pytest.raises(ValueError, match="validation error"):
                    configured(name, arguments)
                refused += 1
    assert refused > 150


def test_every_kind_has_a_name() -> None:
    kinds = {argument.kind for kind in EXPECTATIONS.values() for argument in kind.arguments.values()}
    assert {kind for kind in kinds if "|" not in kind} == set(KINDS)


def test_a_suite_that_we_write_is_one_of_the_library_s(library: dict[str, Any]) -> None:
    from great_expectations.core.expectation_suite import ExpectationSuite

    items = [
        {"type": name, "kwargs": sample(name, only_required=True), "meta": {"eltbuild": {"where": "a > 1"}},
         "severity": severity}
        for name, severity in zip(sorted(library), ["critical", "warning", "info"] * 20, strict=False)
    ]  # fmt: skip
    written = suite_json(Written("all", {"model": "orders"}, tuple(items), {}))
    suite = ExpectationSuite(**written)
    assert [item.expectation_type for item in suite.expectations] == [item["type"] for item in items]
    assert [item.severity for item in suite.expectations] == [item["severity"] for item in items]

"""What the answer to a data test's question means, and which answers mean nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from planning import node

from eltbuild.adapter import Answer
from eltbuild.errors import CompileError
from eltbuild.quality.data_tests import verdict

TEST = node({}, "few", resource_type="test")


@pytest.mark.parametrize("failures", [2, 2.0, Decimal("2"), Decimal("2.00")])
def test_a_whole_number_of_whatever_type_is_a_count(failures: Any) -> None:
    outcome = verdict(TEST, Answer(rows=((failures, True, True),)))
    assert (outcome.verdict, outcome.failures) == ("fail", 2)
    assert isinstance(outcome.failures, int)


@pytest.mark.parametrize(("rows", "told"), [
    ((), "gave no result"),
    (((None, False, False),), "gave NULL"),
    (((2.6, True, True),), "'2.6', which is not a whole number"),
    (((Decimal("0.5"), True, True),), "'0.5', which is not a whole number"),
    (((float("nan"), True, True),), "'nan', which is not a whole number"),
    (((Decimal("Infinity"), True, True),), "'Infinity', which is not a whole number"),
    ((("5", True, True),), "'5', which is not a whole number"),
    (((True, True, True),), "'True', which is not a whole number"),
    (((1, True, True), (1, True, True)), "2 rows of 3 columns"),
    (((1, 7, True, True),), "1 row of 4 columns"),
    (((1, "1x", True),), "`warn_if: != 0` gave the text '1x'"),
    (((1, True, "true"),), "`error_if: != 0` gave the text 'true'"),
])  # fmt: skip
def test_other_answers_mean_nothing(rows: tuple[tuple[Any, ...], ...], told: str) -> None:
    with pytest.raises(CompileError) as raised:
        verdict(TEST, Answer(rows=rows))
    assert told in str(raised.value)
    assert len(raised.value.problems) == 1


@pytest.mark.parametrize("found", [None, False, 0])
def test_a_comparison_that_is_not_true_does_not_hold(found: Any) -> None:
    assert verdict(TEST, Answer(rows=((3, found, found),))).verdict == "pass"

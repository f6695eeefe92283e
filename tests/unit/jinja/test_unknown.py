"""What is unknown leads to itself while nothing can be asked, and nowhere else."""

from __future__ import annotations

import pytest

from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.template import load, render
from eltbuild.jinja.unknown import unanswered

LEADING = (
    "{{ nobody(1) }}",
    "{{ nobody.at.home['key'](2).x }}",
    "{{ none.x.y }}",
    "{{ known.missing.y() }}",
    "{% for key, value in nobody.items() %}{{ key }}{% endfor %}",
    "{{ nobody.items() | list | join }}",
)


@pytest.mark.parametrize("text", LEADING)
def test_members_and_calls_are_unknown_as_well(text):
    with unanswered(lambda: True):
        assert render(load(text), {"known": {}}) in ("", "[]")


@pytest.mark.parametrize("text", LEADING)
def test_where_answers_are_had_they_are_errors(text):
    with unanswered(lambda: False), pytest.raises(TemplateError):
        render(load(text), {"known": {}})
    with pytest.raises(TemplateError):
        render(load(text), {"known": {}})


@pytest.mark.parametrize("text", ["{{ nobody + 1 }}", "{{ nobody < 1 }}", "{{ -nobody }}"])
def test_arithmetic_on_what_is_unknown_is_an_error_at_any_time(text):
    with unanswered(lambda: True), pytest.raises(TemplateError, match="undefined"):
        render(load(text), {})


def test_the_inner_of_two_renderings_does_not_speak_for_the_outer():
    with unanswered(lambda: True):
        with unanswered(lambda: False), pytest.raises(TemplateError):
            render(load("{{ nobody() }}"), {})
        assert render(load("{{ nobody() }}"), {}) == ""


def test_a_closed_attribute_stays_closed():
    with unanswered(lambda: True), pytest.raises(TemplateError, match="unsafe"):
        render(load("{{ ''.__class__.__mro__ }}"), {})

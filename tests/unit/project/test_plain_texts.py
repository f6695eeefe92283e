"""Texts of suites that are no templates: what is rendered is what was written."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eltbuild.jinja.native import has_jinja, render_native
from eltbuild.project.plain_texts import kept_plain

PIECES = st.sampled_from(
    [
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "{% raw %}",
        "{% endraw %}",
        "-",
        "+",
        "\n",
        "\\",
        "'",
        '"',
        " ",
        "2",
        "^",
        "é",
    ]
)


@given(st.lists(PIECES, max_size=9).map("".join))
@example("{%")
@example("a{{2}}")
@example("{% endraw %}{{")
@example("-{{-")
def test_patterns_stay_as_they_are(text: str) -> None:
    kept = kept_plain(text)
    found = render_native(kept, {}) if has_jinja(kept) else kept
    assert found == text
    assert kept_plain({"a": [text], "b": 3}) == {"a": [kept], "b": 3}


@pytest.mark.parametrize("text", ["{{ var('a') }}", "x {{ name }}", "{% if target.name == 'a' %}b{% endif %}", "plain"])
def test_templates_stay_templates(text: str) -> None:
    assert kept_plain(text) == text


def test_what_was_meant_as_a_template_is_left_to_be_refused() -> None:
    assert kept_plain("{{ var('a' }}") == "{{ var('a' }}"

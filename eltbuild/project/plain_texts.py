"""Texts that were written where there are no templates, such as patterns in suites: kept from being read as such."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.native import has_jinja
from eltbuild.project.suite_parameters import as_jinja

_CALLED = re.compile(r"\{\{[^{}]*[^\W\d]\w*\s*\(")


def kept_plain(value: Any) -> Any:
    """The value with each text in it as a template that gives this very text; one that is a template stays.

    A text is a template where it names something: a var, a reference, a macro. `a{{2}}` and `{%` are not.
    """
    if isinstance(value, str):
        return _text(value) if has_jinja(value) and not _is_template(value) else value
    if isinstance(value, Mapping):
        return {key: kept_plain(item) for key, item in value.items()}
    return [kept_plain(item) for item in value] if isinstance(value, list) else value


def _text(text: str) -> str:
    if "endraw" in text or text.startswith(("\n", "-", "+")) or text.endswith(("{", "-", "+")):
        return f"{{{{ {as_jinja(text)} }}}}"
    return f"{{% raw %}}{text}{{% endraw %}}"


def _is_template(text: str) -> bool:
    from jinja2 import TemplateSyntaxError
    from jinja2.meta import find_undeclared_variables

    from eltbuild.jinja.environment import native_environment

    try:
        return bool(find_undeclared_variables(native_environment().parse(text)))
    except (TemplateSyntaxError, TemplateError):
        # What was meant as a template, and is none, is told where it is rendered.
        return _CALLED.search(text) is not None

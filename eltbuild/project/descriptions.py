"""Descriptions: Jinja with `doc()` in them becomes text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from eltbuild.errors import CompileError, EltbuildError, Place, Problem, did_you_mean
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.native import has_jinja
from eltbuild.project.loading import Loading, Package
from eltbuild.project.resources import ColumnSpec
from eltbuild.values import replace

_QUOTED = r"""\s*(?:'([^'\\{}]+)'|"([^"\\{}]+)")\s*"""
_DOC = re.compile(r"\{\{\s*doc\(" + _QUOTED + r"(?:," + _QUOTED + r")?\)\s*\}\}")
"""A plain `{{ doc('name') }}`, which needs no rendering."""


def described(loading: Loading, text: str, package: Package, place: Place | None) -> str:
    """A description rendered, as a template without the line break at its end, which a block of YAML text has.

    What cannot be rendered is a problem at the place, and stays.
    """
    if "{" not in text or not has_jinja(text):
        return text
    text = text.removesuffix("\n")
    problems: list[Problem] = []
    parts = _DOC.split(text)
    out = [parts[0]]
    plain = not has_jinja(parts[0])
    for index in range(1, len(parts), 5):
        first = parts[index] or parts[index + 1]
        second = parts[index + 2] or parts[index + 3]
        names = (first, second) if second else (first,)
        try:
            out.append(_doc(loading, package, names))
        except CompileError as error:
            problems.extend(error.problems)
        plain &= not has_jinja(parts[index + 4])
        out.append(parts[index + 4])
    if plain:
        loading.problems.extend(replace(problem, place=place) for problem in problems)
        return "".join(out)
    return _rendered(loading, text, package, place)


def _rendered(loading: Loading, text: str, package: Package, place: Place | None) -> str:
    from eltbuild.jinja.template import load, render

    names: Mapping[str, Any] = {**package.names, "doc": lambda *names: _doc(loading, package, names)}
    try:
        return str(render(load(text), names))
    except TemplateError as error:
        loading.report(f"the description cannot be rendered: {error.message}", place, error.hint)
    except EltbuildError as error:
        loading.problems.extend(replace(problem, place=place) for problem in error.problems)
    return text


def _doc(loading: Loading, package: Package, names: tuple[Any, ...]) -> str:
    """What `doc('name')` or `doc('package', 'name')` gives. Raises `CompileError`."""
    if len(names) not in (1, 2) or not all(isinstance(name, str) for name in names):
        raise CompileError("`doc` takes the name of a docs block, or a package and a name")
    name = names[-1]
    places = [names[0]] if len(names) == 2 else [loading.settings.name, package.name, *loading.packages]
    for where in places:
        doc = loading.docs.get(f"doc.{where}.{name}")
        if doc is not None:
            return doc.text
    hint = did_you_mean(name, {doc.name for doc in loading.docs.values()})
    whole = ".".join(names)
    raise CompileError(Problem(f"the description refers to docs block `{whole}`, which does not exist", hint=hint))


def described_column(loading: Loading, spec: ColumnSpec, package: Package, place: Place | None) -> ColumnSpec:
    """A column with its description rendered."""
    if "{" not in spec.description:
        return spec
    return replace(spec, description=described(loading, spec.description, package, place))

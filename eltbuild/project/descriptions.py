"""Descriptions: Jinja with `doc()` in them becomes text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from eltbuild.errors import CompileError, EltbuildError, Place, Problem, did_you_mean
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.native import has_jinja
from eltbuild.project.loading import Loading, Package
from eltbuild.project.resources import ColumnSpec, Doc
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
        names = _names(parts[index : index + 4])
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


def doc_blocks(loading: Loading, text: str, package: Package) -> tuple[str, ...]:
    """The ids of the docs blocks that a description asks for plainly, in order, as often as it does."""
    if "{" not in text:
        return ()
    found = (_found(loading, package, _names(parts)) for parts in _DOC.findall(text))
    return tuple(doc.id for doc in found if doc is not None)


def _names(parts: Sequence[str | None]) -> tuple[str, ...]:
    """The arguments of a plain `doc(...)`, from what stood within either quote."""
    first, second = parts[0] or parts[1] or "", parts[2] or parts[3]
    return (first, second) if second else (first,)


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
    doc = _found(loading, package, names)
    if doc is not None:
        return doc.text
    name = names[-1]
    hint = did_you_mean(name, {doc.name for doc in loading.docs.values()})
    whole = ".".join(names)
    raise CompileError(Problem(f"the description refers to docs block `{whole}`, which was not found", hint=hint))


def _found(loading: Loading, package: Package, names: tuple[str, ...]) -> Doc | None:
    places = [names[0]] if len(names) == 2 else [loading.settings.name, package.name, *loading.packages]
    found = (loading.docs.get(f"doc.{where}.{names[-1]}") for where in places)
    return next((doc for doc in found if doc is not None), None)


def described_column(loading: Loading, spec: ColumnSpec, package: Package, place: Place | None) -> ColumnSpec:
    """A column with its description rendered."""
    if "{" not in spec.description:
        return spec
    blocks = doc_blocks(loading, spec.description, package)
    return replace(spec, description=described(loading, spec.description, package, place), doc_blocks=blocks)

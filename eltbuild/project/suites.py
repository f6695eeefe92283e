"""Suites of expectations in files of their own: as Great Expectations writes them in JSON, or as lists in YAML.

Read here, not run. What a suite is about stands in it (`model`, `source` or `query`; in JSON also under `meta:` in
`eltbuild`), or in the properties of a model, as the test `expectation_suite`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from eltbuild.errors import Place, Problem, ProjectError, did_you_mean
from eltbuild.project.columns import assembled, read_test
from eltbuild.project.entries import TestEntry
from eltbuild.project.expectation_types import EXPECTATIONS, OWN_CLASSES
from eltbuild.project.expectations import wrong_arguments
from eltbuild.project.fields import Fields, kind_of
from eltbuild.project.files import PackageFiles, stem
from eltbuild.project.loading import Loading, Package
from eltbuild.project.plain_texts import kept_plain
from eltbuild.project.resources import SourceFile
from eltbuild.project.suite_parameters import PARAMETERS, with_parameters
from eltbuild.project.suite_texts import OWN
from eltbuild.project.yaml import Mapped, load_yaml
from eltbuild.values import dataclass, field, replace

FOLDERS = "expectation-paths"
"""The key of the project file that names the folders of suites."""
TEST = "expectation_suite"
"""The test that stands for all expectations of a suite."""
ABOUT = ("model", "source", "query")
_OLD_PARAMETERS = "evaluation_parameters"
_KEYS = frozenset(
    {"name", "suite", "expectation_suite_name", "expectations", "meta", "description", "config", PARAMETERS, *ABOUT}
    | {_OLD_PARAMETERS}
)
_IGNORED = frozenset({"id", "ge_cloud_id", "notes", "data_asset_type", "data_asset_name"})
_UNUSED = ("batch_id", "result_format", "catch_exceptions", "include_config")
"""Arguments in suites of Great Expectations that say nothing about data."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite: its expectations as tests, and what it is about, if it says so."""

    name: str
    file: SourceFile
    within: str
    owner: Package | None = None
    """The package in whose folder it lies; None for a file outside of a project."""
    tests: tuple[TestEntry, ...] = ()
    about: str = ""
    """One of `ABOUT`, or ""."""
    subject: str = ""
    """The model, the source's table, or the query."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Config of all its tests, where they have none of their own."""
    place: Place | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """What parameters are where no var of their name is set."""

    @property
    def package(self) -> Package:
        """The package in whose folder it lies."""
        assert self.owner is not None
        return self.owner


def read_suites(loading: Loading, package: Package, files: PackageFiles) -> Iterator[Suite]:
    """The suites of a package; what is wrong with them is noted."""
    for file, within in files.files(FOLDERS, (".json", ".yml", ".yaml")):
        fields = Fields()
        suite = None
        try:
            tree = load_yaml(file.text, "", fields.problems)
            if is_suite(tree):
                suite = _suite(fields, tree, file, within, package)
            else:
                hint = "a suite is a mapping with `expectations: [...]`; other files do not belong into this folder"
                told = "this is no suite of expectations, and is ignored"
                fields.problems.append(Problem(told, Place("", 1), hint, "warning"))
        except ProjectError as error:
            fields.problems.extend(error.problems)
        for problem in fields.problems:
            where = problem.place or Place("")
            loading.problems.append(replace(problem, place=Place(file.path, where.line, where.column)))
        if suite is not None:
            yield suite


def read_suite(file: SourceFile) -> tuple[Suite, tuple[Problem, ...]]:
    """The suite that a file holds, its parameters as vars, and warnings. Raises `ProjectError` with what is wrong."""
    fields = Fields()
    tree = load_yaml(file.text, file.path, fields.problems)
    if not is_suite(tree):
        hint = "a suite is a mapping with `expectations: [...]`"
        raise ProjectError(*fields.problems, Problem("this is no suite of expectations", Place(file.path, 1), hint))
    suite = _suite(fields, tree, file, file.path.rpartition("/")[2])
    found = [replace(each, place=_in(file, each.place)) for each in fields.problems]
    known = []
    for test in suite.tests:
        place = Place(file.path, test.line, test.column)
        if test.name not in EXPECTATIONS:
            hint = f"{did_you_mean(test.name, EXPECTATIONS)} {OWN_CLASSES}".strip()
            found.append(Problem(f"Great Expectations has no expectation `{test.name}`", place, hint, "warning"))
        found.extend(wrong_arguments(test.name, test.arguments, place))
        given = with_parameters(test.arguments, {}, suite.parameters, place, found)
        known.append(replace(test, arguments=given) if suite.parameters else test)
    suite = replace(suite, tests=tuple(known))
    if any(each.severity == "error" for each in found):
        raise ProjectError(*found)
    return suite, tuple(found)


def _in(file: SourceFile, place: Place | None) -> Place:
    return Place(file.path, place.line if place else 0, place.column if place else 0)


def is_suite(tree: Any) -> bool:
    """Whether what a file holds is a suite, be it a wrong one."""
    return isinstance(tree, Mapped) and "expectations" in tree


def _suite(fields: Fields, tree: Any, file: SourceFile, within: str, package: Package | None = None) -> Suite:
    fields.check_keys(tree, _KEYS | _IGNORED, "a suite", frozenset())
    given = next((tree[key] for key in ("name", "suite", "expectation_suite_name") if tree.get(key)), None)
    name = str(given or stem(within))
    what = f"suite `{name}`"
    config = {**fields.mapping(tree, "config", what)}
    exact = _exact(file)
    expectations = exact.get("expectations")
    given = expectations if isinstance(expectations, list) else []
    tests = []
    items = fields.items(tree, "expectations", what)
    for index, item in enumerate(items):
        test = _test(fields, item, items, index, what, given)
        if test is not None:
            tests.append(test)
    about, subject = _about(fields, tree, what)
    place = Place(file.path, tree.line or 1)
    parameters: dict[str, Any] = {}
    for key in (_OLD_PARAMETERS, PARAMETERS):
        found = fields.mapping(tree, key, what)
        parameters.update(fields.plain(exact[key] if isinstance(exact.get(key), dict) else found))
    return Suite(name, file, within, package, tuple(tests), about, subject, config, place, parameters)


def _exact(file: SourceFile) -> Mapping[str, Any]:
    """The suite as JSON means it: YAML reads some numbers as text."""
    if not file.path.lower().endswith(".json"):
        return {}
    try:
        found = json.loads(file.text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _about(fields: Fields, tree: Mapped, what: str) -> tuple[str, str]:
    meta = tree.get("meta")
    inner = meta.get(OWN) if isinstance(meta, Mapping) else None
    places: list[Any] = [tree, inner] if isinstance(inner, Mapping) else [tree]
    found = [(place, key) for place in places for key in ABOUT if place.get(key) is not None]
    if len(found) > 1:
        fields.report(*found[1], f"{what} is about one thing: a model, a source or a query", "make it two suites")
    for place, key in found:
        text = fields.text(place, key, what)
        return (key, text.strip()) if text else ("", "")
    return "", ""


def _test(fields: Fields, item: Any, items: Any, index: int, what: str, exact: list[Any]) -> TestEntry | None:
    line, column = items.place_of(index) if hasattr(items, "place_of") else (0, 0)
    if isinstance(item, str):
        return TestEntry(item, line=line, column=column)
    if not isinstance(item, dict):
        fields.report(items, index, f"an expectation of {what} is a mapping, not {kind_of(item)}")
        return None
    key = "type" if "type" in item else "expectation_type"
    if key not in item:
        return read_test(fields, item, items, index, what, None)
    name = fields.text(item, key, f"an expectation of {what}")
    if not name:
        return None
    source = exact[index] if index < len(exact) and isinstance(exact[index], dict) else item
    kwargs = source.get("kwargs")
    if kwargs is None:
        given = {word: value for word, value in item.items() if word != key}
        return assembled(fields, name, given, item, what, None, line, column)
    if not isinstance(kwargs, dict):
        fields.report(item, "kwargs", f"`kwargs` of `{name}` must be a mapping, not {kind_of(kwargs)}")
        return None
    arguments = {str(word): kept_plain(fields.plain(value)) for word, value in kwargs.items() if word not in _UNUSED}
    if source.get("notes"):
        arguments["notes"] = kept_plain(fields.plain(source["notes"]))
    config: dict[str, Any] = {}
    for word in ("severity", "meta"):
        if source.get(word):
            config[word] = kept_plain(fields.plain(source[word]))
    own = config.get("meta", {}).pop(OWN, None) if isinstance(config.get("meta"), dict) else None
    title = own.pop("name", None) if isinstance(own, dict) else None
    config.update(own if isinstance(own, dict) else {})
    if not config.get("meta", True):
        del config["meta"]
    described = source.get("description")
    return TestEntry(name, None, arguments, config, title, kept_plain(str(described or "")), line, column)


def asked_for(suites: Mapping[str, Suite], entry: TestEntry, place: Place) -> Suite | Problem:
    """The suite that a test `expectation_suite` names, or what is wrong with it."""
    name = entry.arguments.get("suite")
    if not isinstance(name, str):
        return Problem(f"`{TEST}` needs `suite`: the name of a suite", place, f"write `{TEST}: {{suite: orders}}`")
    found = suites.get(name)
    if found is None:
        hint = did_you_mean(name, suites) or f"there are {', '.join(sorted(suites)) or 'none'}"
        return Problem(f"there is no suite of expectations `{name}`", place, hint)
    more = [key for key in entry.arguments if key not in ("suite", "column_name", PARAMETERS)]
    parameters = entry.arguments.get(PARAMETERS)
    if parameters is not None and not isinstance(parameters, Mapping):
        told = f"`{PARAMETERS}` of `{TEST}` must be a mapping, not {kind_of(parameters)}"
        return Problem(told, place, "write the values by the names of the parameters")
    if more or "column_name" in entry.arguments:
        told = f"`{TEST}` has no argument `{more[0]}`" if more else f"`{TEST}` is not about one column"
        return Problem(told, place, f"write it under `data_tests:` of the model, with `suite` and `{PARAMETERS}`")
    return found

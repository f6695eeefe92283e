"""Expectations that are Python classes of the project's or a package's own: which there are, by their names.

The files lie in the folders of suites. They are parsed and never executed here: that is done when a test is run that
asks for such a class.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256

from eltbuild.errors import Place
from eltbuild.project.expectation_types import EXPECTATIONS
from eltbuild.project.files import PackageFiles
from eltbuild.project.loading import Loading, Package
from eltbuild.project.resources import SourceFile
from eltbuild.project.suites import FOLDERS
from eltbuild.project.test_names import BUILT_IN
from eltbuild.values import dataclass

Classes = Mapping[tuple[str, str], "ExpectationClass"]
"""The classes by their package and their name as an expectation."""


@dataclass(frozen=True, slots=True)
class ExpectationClass:
    """A class that is an expectation."""

    name: str
    """The name of the expectation: `expect_even_ids` of the class `ExpectEvenIds`."""
    package: str
    file: str
    """The path of its file, from the project's root."""
    line: int
    checksum: str
    """Of all files that its file may import from beside it."""


def read_classes(loading: Loading, files: Mapping[str, PackageFiles]) -> Classes:
    """The classes of all packages; what is wrong with them is noted."""
    found: dict[tuple[str, str], ExpectationClass] = {}
    for package in loading.packages.values():
        for each in _of_package(loading, package, files[package.name]):
            place = Place(each.file, each.line)
            other = found.setdefault((package.name, each.name), each)
            if each.name in EXPECTATIONS:
                told = f"`{each.name}` is an expectation of Great Expectations already"
                loading.report(told, place, "give the class another name")
            elif each.name in BUILT_IN:
                loading.report(f"`{each.name}` is a test already", place, "give the class another name")
            elif other is not each:
                hint = f"the other one is at {Place(other.file, other.line)}"
                loading.report(f"there are two expectations named `{each.name}`", place, hint)
    return found


def _of_package(loading: Loading, package: Package, files: PackageFiles) -> Iterator[ExpectationClass]:
    classes: list[tuple[SourceFile, ast.ClassDef, frozenset[str]]] = []
    read = [file for file, _ in files.files(FOLDERS, (".py",))]
    for file in read:
        tree = _parsed(loading, file)
        if tree is not None:
            imported = _imported(tree)
            classes.extend(
                (file, each, frozenset(imported.get(base, base) for base in _bases(each)))
                for each in tree.body
                if isinstance(each, ast.ClassDef)
            )
    known = _expectations((each.name, bases) for _, each, bases in classes)
    whole = sha256(repr([(file.path, file.text) for file in read]).encode("utf-8", "surrogatepass")).hexdigest()
    for file, each, _ in classes:
        if each.name in known and not each.name.startswith("_"):
            yield ExpectationClass(expectation_name(each.name), package.name, file.path, each.lineno, whole)


def _parsed(loading: Loading, file: SourceFile) -> ast.Module | None:
    try:
        return ast.parse(file.text)
    except SyntaxError as error:
        loading.report(f"this is no Python: {error.msg}", Place(file.path, error.lineno or 1, error.offset or 0))
    except (ValueError, RecursionError, MemoryError) as error:
        loading.report(f"this is no Python: {error}", Place(file.path, 1))
    return None


def _imported(tree: ast.Module) -> dict[str, str]:
    """What names of a file are called where they come from."""
    return {
        each.asname: each.name
        for statement in tree.body
        if isinstance(statement, ast.ImportFrom)
        for each in statement.names
        if each.asname
    }


def _bases(tree: ast.ClassDef) -> Iterator[str]:
    for base in tree.bases:
        if isinstance(base, ast.Attribute):
            yield base.attr
        elif isinstance(base, ast.Name):
            yield base.id


def _expectations(classes: Iterable[tuple[str, frozenset[str]]]) -> frozenset[str]:
    """The classes that stand on an expectation: one of the library's by its name, or another one of the same folder."""
    waiting = dict(classes)
    known: set[str] = set()
    while True:
        more = {name for name, bases in waiting.items() if any(base in known or _is_known(base) for base in bases)}
        if more <= known:
            return frozenset(known)
        known |= more


def _is_known(base: str) -> bool:
    return base.endswith("Expectation") or base.startswith("Expect")


def expectation_name(class_name: str) -> str:
    """The name that Great Expectations gives to an expectation of that class."""
    parted = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", class_name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", parted).lower()

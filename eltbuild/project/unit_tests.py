"""Unit tests: one for each version of the model that they test, with the rows of their fixtures read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from eltbuild.errors import Place, did_you_mean
from eltbuild.project.entries import UnitTestEntry, Version
from eltbuild.project.files import PackageFiles, folders_of_test, stem
from eltbuild.project.loading import Loading, Package
from eltbuild.project.resources import Node, SourceFile, UnitTest
from eltbuild.values import dataclass, field


@dataclass(slots=True)
class Fixtures:
    """The fixture files of a package, by name and suffix; read when they are asked for."""

    files: PackageFiles
    paths: dict[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def of(cls, files: PackageFiles) -> Fixtures:
        """The fixtures under the test folders."""
        paths = {}
        for path, within in files.paths("test-paths", (".csv", ".sql")):
            if within.startswith("fixtures/"):
                paths[stem(within), path.rpartition(".")[2].lower()] = path
        return cls(files, paths)


def make_unit_tests(
    loading: Loading,
    package: Package,
    file: SourceFile,
    within: str,
    entry: UnitTestEntry,
    models: Sequence[Node],
    fixtures: Fixtures,
) -> Iterator[UnitTest]:
    """The unit test; one for each version that it is for, when `models` (of its model's name) are versions."""
    place = Place(file.path, entry.line, entry.column)
    given = tuple(_with_rows(loading, rows, fixtures, entry, place) for rows in entry.given)
    expect = _with_rows(loading, entry.expect, fixtures, entry, place)
    fqn = (package.name, *folders_of_test(file.original_path), entry.model, entry.name)
    resolved = loading.resolve("unit_tests", package.name, fqn, entry.config, {}, place)
    told = repr((entry.model, given, expect, entry.overrides, entry.versions))
    for version in _versions(loading, entry, models, place):
        suffix = "" if version is None else f"_v{version}"
        yield UnitTest(
            id=f"unit_test.{package.name}.{entry.model}.{entry.name}{suffix}",
            name=entry.name,
            package=package.name,
            path=within,
            original_path=file.original_path,
            root=package.root,
            fqn=fqn,
            model=entry.model,
            given=given,
            expect=expect,
            overrides=entry.overrides,
            description=entry.description,
            config=resolved.config,
            checksum=sha256(told.encode("utf-8", "surrogatepass")).hexdigest(),
            version=version,
            versions=entry.versions,
            place=place,
        )


def _versions(loading: Loading, entry: UnitTestEntry, models: Sequence[Node], place: Place) -> list[Version | None]:
    known = [model.version for model in models if model.version is not None]
    if not known:
        return [None]
    chosen = known
    for rule in ("include", "exclude"):
        listed = entry.versions.get(rule)
        if listed is None:
            continue
        wanted = {str(version) for version in (listed if isinstance(listed, list) else [listed])}
        for version in sorted(wanted - {str(version) for version in known}):
            message = f"unit test `{entry.name}` names version {version} of `{entry.model}`, which was not found"
            loading.report(message, place)
        chosen = [version for version in chosen if (str(version) in wanted) == (rule == "include")]
    return list(chosen)


def _with_rows(
    loading: Loading, rows: Mapping[str, Any], fixtures: Fixtures, entry: UnitTestEntry, place: Place
) -> Mapping[str, Any]:
    """The rows as values: those of a fixture read, and CSV taken apart (an empty field is null)."""
    if not rows:
        return rows
    form, text, name = rows.get("format"), rows.get("rows"), rows.get("fixture")
    if form == "dict":
        return rows
    if name is not None:
        text = _fixture(loading, str(name), str(form), fixtures, entry, place)
    if text is None:
        return {**rows, "rows": [] if form == "csv" else ""}
    if form == "sql":
        return {**rows, "rows": text}
    return {**rows, "rows": _csv(loading, str(text), entry, place)}


def _fixture(
    loading: Loading, name: str, form: str, fixtures: Fixtures, entry: UnitTestEntry, place: Place
) -> str | None:
    short = stem(name) if name.endswith((".csv", ".sql")) else name
    path = fixtures.paths.get((short, form))
    if path is None:
        hint = did_you_mean(short, (known for known, suffix in fixtures.paths if suffix == form))
        message = f"File not found for fixture '{name}' in unit tests: `{entry.name}` names it, as {form}"
        loading.report(message, place, hint or "fixtures lie in tests/fixtures")
        return None
    file = fixtures.files.read(path)
    return file.text if file is not None else None


def _csv(loading: Loading, text: str, entry: UnitTestEntry, place: Place) -> list[dict[str, Any]]:
    try:
        rows = [row for row in csv.reader(io.StringIO(text.strip()), strict=False) if row]
    except csv.Error as error:
        loading.report(f"the rows of unit test `{entry.name}` are no CSV: {error}", place)
        return []
    if not rows:
        return []
    names = [name.strip() for name in rows[0]]
    out = []
    for number, row in enumerate(rows[1:], start=1):
        if len(row) > len(names):
            message = f"row {number} of unit test `{entry.name}` has {len(row)} fields, its head has {len(names)}"
            loading.report(message, place)
            return []
        values = [value if value != "" else None for value in row]
        out.append(dict(zip(names, [*values, *[None] * (len(names) - len(row))], strict=True)))
    return out

"""Macros and docs blocks of a package: cut out of their files, described by properties files."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from eltbuild.errors import Place, did_you_mean
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.mentions import Block
from eltbuild.jinja.native import has_jinja
from eltbuild.project.descriptions import described
from eltbuild.project.entries import MacroEntry
from eltbuild.project.files import PackageFiles
from eltbuild.project.loading import Loading, Package
from eltbuild.project.resources import Doc, Macro, MacroKind, SourceFile
from eltbuild.values import replace

_KINDS: dict[str, MacroKind] = {"macro": "macro", "test": "test", "materialization": "materialization"}


def read_docs(loading: Loading, package: Package, files: PackageFiles) -> None:
    """Put the docs blocks of a package into `loading.docs`; two of one name are a problem."""
    places: dict[str, Place] = {}
    for file, within in files.files("docs-paths", (".md",)):
        for block in loading.blocks(file, docs=True):
            id = f"doc.{package.name}.{block.name}"
            place = Place(file.path, block.line)
            if id in places:
                loading.report(
                    f"the docs block `{block.name}` exists twice", place, f"the other one is at {places[id]}"
                )
                continue
            places[id] = place
            loading.docs[id] = Doc(
                id=id,
                name=block.name,
                package=package.name,
                path=within,
                original_path=file.original_path,
                text=_rendered(loading, block.body, place).strip(),
            )


def _rendered(loading: Loading, text: str, place: Place) -> str:
    """The text of a docs block, in which Jinja has no names but its own; what cannot be rendered is a problem."""
    if not has_jinja(text):
        return text
    from eltbuild.jinja.template import load, render

    try:
        return str(render(load(text), {}))
    except TemplateError as error:
        line = replace(place, line=place.line + error.line - 1) if error.line else place
        loading.report(f"the docs block cannot be rendered: {error.message}", line, error.hint)
        return text


def read_macros(loading: Loading, package: Package, files: PackageFiles) -> dict[str, Macro]:
    """The macros of a package by id, from its macro folders and the generic tests; two of one name are a problem."""
    out: dict[str, Macro] = {}
    for file, signed in _macro_files(files):
        for block in loading.blocks(file):
            if block.kind not in _KINDS:
                continue
            macro = _macro(loading, package, file, block if signed else replace(block, arguments=()))
            other = out.get(macro.id)
            if other is not None:
                hint = f"the other one is at {Place(other.project_path, other.line)}"
                loading.report(f"{block.kind} `{block.name}` exists twice", Place(file.path, block.line), hint)
                continue
            out[macro.id] = macro
    return out


def _macro_files(files: PackageFiles) -> Iterable[tuple[SourceFile, bool]]:
    """Each file, and whether the manifest tells the arguments in it: dbt tells those of its macro folders only."""
    seen = set()
    for file, _ in files.files("macro-paths", (".sql",)):
        seen.add(file.path)
        yield file, True
    for path, within in files.paths("test-paths", (".sql",)):
        if within.startswith("generic/") and path not in seen:
            file_ = files.read(path)
            if file_ is not None:
                yield file_, False


def _macro(loading: Loading, package: Package, file: SourceFile, block: Block) -> Macro:
    kind = _KINDS[block.kind]
    key = block.name
    if kind == "test":
        key = f"test_{block.name}"
    elif kind == "materialization":
        key = f"materialization_{block.name}_{block.adapter}"
    digest = blake2b(block.text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    mentions = loading.macro_mentions(block.text, digest, file.path, block.line)
    return Macro(
        id=f"macro.{package.name}.{key}",
        name=block.name,
        key=key,
        kind=kind,
        package=package.name,
        path=file.original_path,
        original_path=file.original_path,
        root=package.root,
        line=block.line,
        text=block.text,
        digest=file.digest,
        arguments=tuple({"name": name, "type": type or None, "description": ""} for name, type in block.arguments),
        docs={"show": True},
        macro_names=mentions.calls,
        supported_languages=block.languages,
        touches=bool(mentions.refs or mentions.sources or mentions.config) or not mentions.complete,
    )


def describe_macros(
    loading: Loading, package: Package, macros: dict[str, Macro], entries: Iterable[tuple[MacroEntry, SourceFile]]
) -> None:
    """Put what properties files say of macros into them; an entry for no macro is a warning, two for one an error."""
    by_name = {macro.name: macro for macro in macros.values() if macro.package == package.name}
    by_name |= {macro.key: macro for macro in macros.values() if macro.package == package.name}
    done: dict[str, Place] = {}
    for entry, file in entries:
        place = Place(file.path, entry.line, entry.column)
        macro = by_name.get(entry.name)
        if macro is None:
            message = f"`{entry.name}` is described here, but there is no macro of that name"
            loading.report(message, place, did_you_mean(entry.name, by_name), "warning", "MacroNotFoundForPatch")
            continue
        if macro.id in done:
            loading.report(f"macro `{entry.name}` is described twice", place, f"the other entry is at {done[macro.id]}")
            continue
        done[macro.id] = place
        _check_arguments(loading, package, macro, entry, place)
        arguments = [
            {**argument, "description": described(loading, str(argument.get("description") or ""), package, place)}
            for argument in entry.arguments
        ]
        macros[macro.id] = replace(
            macro,
            description=described(loading, entry.description, package, place),
            arguments=tuple(arguments) or macro.arguments,
            docs={**macro.docs, **(entry.config.get("docs") or {})},
            meta=entry.config.get("meta") or {},
            config=entry.config,
            patch_path=f"{package.name}://{file.original_path}",
        )


def _check_arguments(loading: Loading, package: Package, macro: Macro, entry: MacroEntry, place: Place) -> None:
    """Warn of described arguments that a macro of the project does not have."""
    names = {argument["name"] for argument in macro.arguments}
    if not names and macro.kind == "test":
        return
    for argument in entry.arguments:
        if argument["name"] not in names and not package.root:
            message = f"argument `{argument['name']}` is described here, but macro `{entry.name}` has none of that name"
            hint = did_you_mean(str(argument["name"]), names)
            loading.report(message, place, hint, "warning", "InvalidMacroAnnotation")

"""Files that become nodes: models, seeds, snapshots, analyses, singular tests and functions, before anything describes

them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b

from eltbuild.errors import Place, ProjectError
from eltbuild.jinja.mentions import Mentions
from eltbuild.project.calls import read_call
from eltbuild.project.entries import NodeEntry
from eltbuild.project.files import PackageFiles, folders_of, stem
from eltbuild.project.loading import NOTHING, Loading, Package, checksum
from eltbuild.project.resources import Language, NodeType, SourceFile
from eltbuild.project.seeds import SEED_SUFFIXES, seed_checksum
from eltbuild.values import dataclass, field


@dataclass(slots=True)
class Draft:
    """A node as its own file tells it."""

    resource_type: NodeType
    name: str
    package: Package
    path: str
    original_path: str
    full_path: str
    folders: tuple[str, ...]
    mentions: Mentions = NOTHING
    code: str = ""
    line: int = 1
    """The line of the file in which the scanned text begins."""
    code_line: int = 1
    checksum: str = ""
    language: Language = "sql"
    bodies: Mapping[str, str] = field(default_factory=dict)
    """The texts of the overloads of a function, by the name of the file."""
    place: Place | None = None


def drafts_of(loading: Loading, package: Package, files: PackageFiles) -> Iterator[Draft]:
    """A draft for each file of a package that becomes a node, and for each snapshot block."""
    for file, within in files.files("model-paths", (".sql", ".py")):
        yield _model(loading, package, file, within)
    yield from _seeds(loading, package, files)
    for file, within in files.files("snapshot-paths", (".sql",)):
        yield from _snapshots(loading, package, file, within)
    for file, within in files.files("analysis-paths", (".sql",)):
        draft = _sql(loading, package, file, f"analysis/{within}", "analysis")
        yield draft
    for path, within in files.paths("test-paths", (".sql",)):
        if not within.startswith(("generic/", "fixtures/")):
            test = files.read(path)
            if test is not None:
                yield _sql(loading, package, test, within, "test")
    macros = {path for path, _ in files.paths("macro-paths", (".sql",))}
    for file, within in files.files("function-paths", tuple(FUNCTION_LANGUAGES)):
        # `functions` was a folder of macros in many a project before there were functions.
        if file.path not in macros:
            yield _function(loading, package, file, within)


def _model(loading: Loading, package: Package, file: SourceFile, within: str) -> Draft:
    if file.path.lower().endswith(".sql"):
        return _sql(loading, package, file, within, "model")
    draft = _draft(package, file, within, "model")
    draft.mentions = loading.python_mentions(file)
    draft.code = file.text.strip()
    draft.checksum = checksum(file.text)
    draft.language = "python"
    return draft


FUNCTION_LANGUAGES: Mapping[str, Language] = {".sql": "sql", ".py": "python", ".js": "javascript"}
"""The language of a function by the suffix of its file."""


def _function(loading: Loading, package: Package, file: SourceFile, within: str) -> Draft:
    language = FUNCTION_LANGUAGES[f".{file.path.lower().rpartition('.')[2]}"]
    if language == "sql":
        return _sql(loading, package, file, within, "function")
    draft = _draft(package, file, within, "function")
    draft.code = file.text.strip()
    draft.checksum = checksum(file.text)
    draft.language = language
    return draft


def _draft(package: Package, file: SourceFile, within: str, resource_type: NodeType) -> Draft:
    return Draft(
        resource_type,
        stem(within),
        package,
        within,
        file.original_path,
        file.path,
        folders_of(within),
        place=Place(file.path),
    )


def _sql(loading: Loading, package: Package, file: SourceFile, within: str, resource_type: NodeType) -> Draft:
    draft = _draft(package, file, within, resource_type)
    text = file.text
    draft.mentions = loading.mentions(text, file.digest, file.path)
    draft.code = code = text.strip()
    if not text.startswith(code[:1]):
        draft.code_line = 1 + text[: len(text) - len(text.lstrip())].count("\n")
    draft.checksum = checksum(code)
    return draft


def _seeds(loading: Loading, package: Package, files: PackageFiles) -> Iterator[Draft]:
    root = package.root
    for path, within in files.paths("seed-paths", SEED_SUFFIXES):
        original = path[len(root) + 1 :] if root else path
        draft = Draft("seed", stem(within), package, within, original, path, folders_of(within), place=Place(path))
        try:
            draft.checksum = seed_checksum(loading.root, path)
        except ProjectError as error:
            loading.problems.extend(error.problems)
        yield draft


def _snapshots(loading: Loading, package: Package, file: SourceFile, within: str) -> Iterator[Draft]:
    """One for each snapshot block; the name of the file is a folder of its fully qualified name."""
    whole = checksum(file.text)
    found = [block for block in loading.blocks(file) if block.kind == "snapshot"]
    for block in found:
        draft = _draft(package, file, within, "snapshot")
        draft.name = block.name
        draft.folders = (*folders_of(within), stem(within))
        head = block.text[: block.text.find(block.body)] if block.body else block.text
        draft.line = draft.code_line = block.line + head.count("\n")
        draft.place = Place(file.path, block.line)
        draft.code = block.body
        digest = blake2b(block.body.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        draft.mentions = loading.mentions(block.body, digest, file.path, draft.line)
        draft.checksum = whole
        yield draft
    if not found and file.text.strip():
        hint = "write `{% snapshot name %} ... {% endsnapshot %}`, or describe the snapshot in YAML with `relation:`"
        loading.report("the file holds no snapshot and is ignored", Place(file.path), hint, "warning")


def snapshot_of_relation(loading: Loading, package: Package, file: SourceFile, within: str, entry: NodeEntry) -> Draft:
    """The draft of a snapshot that a properties file defines by `relation:`."""
    relation = (entry.relation or "").strip()
    place = Place(file.path, entry.line, entry.column)
    call = read_call(relation)
    if call is None or call.function == "metric":
        message = f"`relation` of snapshot `{entry.name}` is `{relation}`, which is no ref or source"
        loading.report(message, place, "write ref('model') or source('source', 'table')")
    body = relation if relation.startswith("{{") else f"{{{{ {relation} }}}}"
    code = f"select * from {body}" if call else ""
    draft = _draft(package, file, f"{entry.name}.sql", "snapshot")
    draft.name = entry.name
    draft.folders = folders_of(within)
    draft.code = code
    draft.line = draft.code_line = entry.line
    draft.place = place
    digest = blake2b(code.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    draft.mentions = loading.mentions(code, digest, file.path, entry.line)
    draft.checksum = checksum(file.text)
    return draft

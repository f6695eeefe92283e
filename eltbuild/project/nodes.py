"""Nodes out of drafts: each with its identifier, config, description and columns. Generic tests are made elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast, get_args

from eltbuild.errors import Place, did_you_mean
from eltbuild.jinja.mentions import Mentions
from eltbuild.project.config_keys import check_keys
from eltbuild.project.descriptions import described, described_column, doc_blocks
from eltbuild.project.drafts import Draft
from eltbuild.project.enabling import written_enabled
from eltbuild.project.entries import ColumnEntry, NodeEntry, TestEntry, VersionEntry
from eltbuild.project.functions import check_words, with_bodies
from eltbuild.project.loading import Loading, refs_of, sources_of
from eltbuild.project.patches import Key, Patch, assign, latest_version, tests_of
from eltbuild.project.resources import Access, ColumnSpec, Node, NodeType
from eltbuild.values import dataclass, field, replace

SECTIONS: Mapping[NodeType, str] = {
    "model": "models",
    "seed": "seeds",
    "snapshot": "snapshots",
    "analysis": "analyses",
    "test": "data_tests",
    "operation": "models",
    "function": "functions",
}
"""The section of a project file that configures each type of node."""


@dataclass(slots=True)
class Tested:
    """A node or a table of a source, and the tests that hang on it."""

    patch: Patch
    node: Node | None
    columns: tuple[ColumnEntry, ...]
    tests: tuple[TestEntry, ...]
    elsewhere: bool = False
    """Whether the node is another package's, which the entry does not describe."""


@dataclass(slots=True)
class Nodes:
    """What has been made so far."""

    enabled: dict[str, Node] = field(default_factory=dict)
    disabled: list[Node] = field(default_factory=list)
    tested: list[Tested] = field(default_factory=list)
    rivals: list[Node] = field(default_factory=list)
    """Nodes with the id of another one, where only a rendering tells which of them is enabled."""


def make_nodes(loading: Loading, drafts: Iterable[Draft], patches: Iterable[Patch]) -> Nodes:
    """A node for each draft. Entries for nothing are warnings; two entries, or two nodes, of one name are errors."""
    nodes = Nodes()
    by_name: dict[Key, list[Draft]] = {}
    for draft in drafts:
        by_name.setdefault((draft.resource_type, draft.package.name, draft.name), []).append(draft)
    assigned, rest = assign(loading, by_name, patches)
    referable: dict[tuple[str, str], Node] = {}
    bare: dict[tuple[str, str], Draft] = {}
    off: list[Tested] = []
    for key, group in by_name.items():
        patch = assigned.get(key)
        for draft in group:
            node = make_node(loading, draft, patch)
            enabled = node.config.get("enabled", True) is not False
            if not enabled:
                nodes.disabled.append(node)
            elif _is_rival(nodes, node):
                nodes.rivals.append(node)
                continue
            else:
                _add(loading, nodes, node, referable)
            if patch is not None:
                elsewhere = node.package != patch.package.name
                (nodes.tested if enabled else off).append(Tested(patch, node, *tests_of(patch), elsewhere))
            elif enabled:
                bare.setdefault((draft.resource_type, draft.name), draft)
    for tested in off:
        nodes.tested.append(_moved(loading, nodes, tested, bare))
    for patch in rest:
        # What is described in the wrong section, or in another package, has its tests all the same.
        found = None if patch.version else _referred(referable, patch.package.name, patch.entry.name)
        elsewhere = found is not None and found.package != patch.package.name
        nodes.tested.append(Tested(patch, found, *tests_of(patch), elsewhere))
    return nodes


def _referred(referable: Mapping[tuple[str, str], Node], package: str, name: str) -> Node | None:
    """What `ref('name')` in that package leads to: its own, else that of any other package."""
    found = referable.get((package, name))
    return found or next((node for (_, other), node in referable.items() if other == name), None)


def _moved(loading: Loading, nodes: Nodes, tested: Tested, bare: Mapping[tuple[str, str], Draft]) -> Tested:
    """What describes a disabled node of a package describes the node that another package has in its place."""
    patch, node = tested.patch, tested.node
    draft = bare.get((node.resource_type, node.name)) if node and patch.version is None else None
    if draft is None:
        return tested
    moved = make_node(loading, draft, patch)
    nodes.enabled[moved.id] = moved
    return replace(tested, node=moved)


def _is_rival(nodes: Nodes, node: Node) -> bool:
    """Whether another node has this one's id, and either may turn out to be disabled."""
    other = nodes.enabled.get(node.id)
    return other is not None and not (node.complete and other.complete)


def twice(node: Node, other: Node) -> tuple[str, str]:
    """What is wrong with two enabled nodes of one id, and what can be done."""
    what = f"{node.resource_type} `{node.name}`"
    hint = f"rename it, or disable one of them; the other is at {other.place}"
    return f"{what} exists twice in package `{node.package}`", hint


def _add(loading: Loading, nodes: Nodes, node: Node, referable: dict[tuple[str, str], Node]) -> None:
    """Add an enabled node, unless another has its identifier."""
    what = f"{node.resource_type} `{node.name}`"
    if " " in node.name and loading.settings.flags.get("require_resource_names_without_spaces", True):
        loading.report(f"the name of {what} holds a space", node.place, "rename it")
    other = nodes.enabled.get(node.id)
    if other is not None:
        message, hint = twice(node, other)
        loading.report(message, node.place, hint)
        return
    nodes.enabled[node.id] = node
    if node.resource_type in ("model", "seed", "snapshot"):
        other = referable.setdefault((node.package, node.name), node)
        if other.resource_type != node.resource_type:
            message = f"{what} has the name of a {other.resource_type}, which is at {other.place}"
            hint = "`ref` cannot tell them apart: rename one of them"
            loading.report(message, node.place, hint, "warning", "DuplicateNameDistinctNodeTypesDeprecation")


_EMPTY: Mapping[str, Any] = {}
NOTED = frozenset({"config_keys_used", "config_keys_defaults", "meta_keys_used", "meta_keys_defaults"})
"""What the reader of Python models notes in their config; nobody wrote it."""

ACCESSES: tuple[str, ...] = get_args(Access)
_COMBINATION = "unique_combination_of_columns"


def make_node(loading: Loading, draft: Draft, patch: Patch | None) -> Node:
    """The node of a draft, described by a patch if there is one."""
    package = draft.package
    entry = patch.entry if patch else None
    version = patch.version if patch else None
    name = entry.name if entry and version else draft.name
    parts = (name,) if version is None else (name, f"v{version.v}")
    id = ".".join((draft.resource_type, package.name, *parts))
    fqn = (package.name, *draft.folders, *parts)
    properties, unrendered = _properties(entry, version) if entry else (_EMPTY, None)
    mentions, infile = draft.mentions, _infile(draft)
    section = SECTIONS[draft.resource_type]
    place = draft.place
    _check_configs(loading, draft, patch, properties, infile)
    if draft.language == "python" and draft.resource_type == "model" and "materialized" not in properties:
        # As in dbt: a Python model is a table where it says nothing itself, whatever its folder says.
        properties = {**properties, "materialized": "table"}
    resolved = loading.resolve(
        section,
        package.name,
        fqn,
        properties,
        infile,
        place,
        unrendered,
        _noted(draft, mentions) or None,
        described_at=patch.place if patch else None,
    )
    config = resolved.config
    columns, description, blocks = _described(loading, patch)
    if draft.resource_type == "function":
        check_words(loading, config, patch.place if patch else place)
    return Node(
        id=id,
        resource_type=draft.resource_type,
        name=name,
        package=package.name,
        path=draft.path,
        original_path=draft.original_path,
        root=package.root,
        fqn=fqn,
        language=draft.language,
        code=draft.code,
        line=draft.code_line,
        checksum=draft.checksum,
        config=config,
        yaml_config=properties,
        unrendered_config=resolved.unrendered,
        description=description,
        columns=columns,
        docs=config.get("docs") or {"show": True},
        patch_path=f"{patch.package.name}://{patch.file.original_path}" if patch else None,
        place=place,
        patch_place=patch.place if patch else None,
        refs=refs_of(mentions, draft.full_path, draft.line) if mentions.refs else (),
        source_refs=sources_of(mentions, draft.full_path, draft.line) if mentions.sources else (),
        macro_names=mentions.calls,
        complete=mentions.complete,
        access=_access(loading, config, patch.place if patch and "access" in properties else place),
        group=config.get("group"),
        version=version.v if version else None,
        latest_version=latest_version(entry) if entry and version else None,
        deprecation_date=_deprecation_date(entry, version) if entry else None,
        constraints=_constraints(entry, version, config),
        primary_key=_primary_key(patch, config) if patch and draft.resource_type == "model" else (),
        extra={**_extra(draft, entry), "doc_blocks": blocks} if blocks else _extra(draft, entry),
    )


def _noted(draft: Draft, mentions: Mentions) -> Mapping[str, Any]:
    """The config of the file as it is written; of a plain model, as values."""
    return mentions.config if mentions.plain and draft.resource_type == "model" else mentions.unrendered_config


def _infile(draft: Draft) -> Mapping[str, Any]:
    """What the file says of itself: its config as far as it is literal, and whether it is enabled."""
    infile = draft.mentions.config
    if draft.mentions.complete or "enabled" in infile or "enabled" not in draft.code:
        return infile
    enabled = written_enabled(draft.code, draft.package.names)
    return infile if enabled is None else {**infile, "enabled": enabled}


def _check_configs(
    loading: Loading, draft: Draft, patch: Patch | None, properties: Mapping[str, Any], infile: Mapping[str, Any]
) -> None:
    """What cannot be a config is reported, where it is written."""
    section = SECTIONS[draft.resource_type]
    if properties and patch:
        loading.check_config(section, properties, patch.package, patch.place)
    if infile and draft.mentions.complete and not draft.package.root:
        written = {key: infile[key] for key in infile if key not in NOTED}
        loading.problems += check_keys(section, written, draft.place)


def _extra(draft: Draft, entry: NodeEntry | None) -> Mapping[str, Any]:
    extra = entry.extra if entry else _EMPTY
    return with_bodies(extra, draft.bodies) if draft.resource_type == "function" else extra


def _access(loading: Loading, config: Mapping[str, Any], place: Place | None) -> Access:
    """Who may refer to the model, as its config says; a word that there is none of is a problem."""
    given = config.get("access") or "protected"
    if given not in ACCESSES:
        hint = did_you_mean(str(given), ACCESSES) or f"one of {', '.join(ACCESSES)}"
        loading.report(f"config `access` cannot be `{given}`", place, hint)
        return "protected"
    return cast(Access, given)


def _properties(entry: NodeEntry, version: VersionEntry | None) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
    """The config of an entry, and as written; a version's keys replace those of the model."""
    config, unrendered = entry.config, entry.unrendered_config
    if version is None:
        return config, unrendered
    written = None
    if unrendered is not None or version.unrendered_config is not None:
        written = _with_version(unrendered or config, version.unrendered_config or version.config)
    return _with_version(config, version.config), written


def _with_version(config: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a model with that of one of its versions in it: meta and docs are merged, tags add up."""
    out = {**config, **own}
    for key in ("meta", "docs"):
        if isinstance(config.get(key), dict) and isinstance(own.get(key), dict):
            out[key] = {**config[key], **own[key]}
    if config.get("tags") and own.get("tags"):
        both = [tag for tags in (own["tags"], config["tags"]) for tag in ([tags] if isinstance(tags, str) else tags)]
        out["tags"] = list(dict.fromkeys(both))
    return out


def _described(loading: Loading, patch: Patch | None) -> tuple[Mapping[str, ColumnSpec], str, tuple[str, ...]]:
    """Its columns, its description, and the docs blocks that are in that."""
    if patch is None:
        return _EMPTY, "", ()
    entry, version, package = patch.entry, patch.version, patch.package
    text = entry.description
    if version is not None and version.description is not None:
        text = version.description
    description = described(loading, text, package, patch.place) if "{" in text else text
    columns = {}
    for column in tests_of(patch)[0] if version else entry.columns:
        spec = column.spec
        if "{" in spec.description:
            spec = described_column(loading, spec, package, Place(patch.file.path, column.line))
        columns[spec.name] = spec
    return columns, description, doc_blocks(loading, text, package)


def _deprecation_date(entry: NodeEntry, version: VersionEntry | None) -> str | None:
    return version.deprecation_date if version else entry.deprecation_date


def _constraints(
    entry: NodeEntry | None, version: VersionEntry | None, config: Mapping[str, Any]
) -> tuple[Mapping[str, Any], ...]:
    if version is not None and version.constraints is not None:
        return version.constraints
    if entry is not None and entry.constraints:
        return entry.constraints
    given = config.get("constraints")
    return tuple(item for item in given if isinstance(item, Mapping)) if isinstance(given, list) else ()


def _primary_key(patch: Patch, config: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns that tell rows apart, as constraints say, or else tests: unique and not null before unique alone."""
    for constraint in _constraints(patch.entry, patch.version, config):
        if constraint.get("type") == "primary_key" and isinstance(constraint.get("columns"), list):
            return tuple(map(str, constraint["columns"]))
    columns, tests = tests_of(patch)
    for column in columns:
        if any(constraint.get("type") == "primary_key" for constraint in column.spec.constraints):
            return (column.spec.name,)
    names = {column.spec.name for column in columns}
    tested = {(test.name, column.spec.name) for column in columns for test in column.tests} | {
        (test.name, str(test.arguments.get("column_name"))) for test in tests
    }
    unique = {name for name in names if ("unique", name) in tested}
    for test in tests:
        together = test.arguments.get("combination_of_columns")
        if test.name == _COMBINATION and isinstance(together, list):
            unique.update(map(str, together))
    return tuple(sorted(name for name in unique if ("not_null", name) in tested) or sorted(unique))

"""Models, seeds, snapshots, tests, analyses, operations and functions as dbt writes them in `manifest.json`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

from eltbuild.project.project import Project
from eltbuild.project.projection.configs import config_dict
from eltbuild.project.projection.frame import PLAIN, Fields, Frame, frame_of
from eltbuild.project.resources import ColumnSpec, Node, Ref, UnitTest


def node_dict(node: Node, around: Frame | Project = PLAIN) -> Fields:
    """A model, seed, snapshot, test, analysis or operation, without what compiling adds."""
    frame = around if isinstance(around, Frame) else frame_of(around)
    relation = node.named
    config = config_dict(node)
    fields: Fields = {
        "database": relation.database if relation else config["database"] or frame.database,
        "schema": (relation.schema or "") if relation else _schema(config["schema"], frame),
        "name": node.name,
        "resource_type": node.resource_type,
        "package_name": node.package,
        "path": node.path,
        "original_file_path": node.original_path,
        "unique_id": node.id,
        "fqn": list(node.fqn),
        "alias": (relation.identifier if relation else config.get("alias")) or node.name,
        "checksum": {"name": "sha256" if node.checksum else "none", "checksum": node.checksum},
        "config": config,
        "tags": list(dict.fromkeys(config["tags"])),
        "description": node.description,
        "columns": columns_dict(node.columns),
        "meta": dict(config["meta"]),
        "group": node.group,
        "docs": {"show": True, "node_color": None, **node.docs},
        "patch_path": node.patch_path,
        "build_path": None,
        "unrendered_config": dict(node.unrendered_config),
        "created_at": frame.created_at,
        "relation_name": frame.name(node) if stands(node) else None,
        "raw_code": node.code,
        "doc_blocks": list(node.extra.get("doc_blocks", ())),
    }
    MORE[node.resource_type](fields, node, frame)
    return fields


def stands(node: Node) -> bool:
    """Whether the node's result is, or will be, a relation: not that of a test which stores nothing."""
    match node.resource_type:
        case "model":
            return not node.ephemeral
        case "seed" | "snapshot" | "function":
            return True
        case "test":
            return stores_failures(node.config)
    return False


def stores_failures(config: Mapping[str, Any]) -> bool:
    """Whether a test keeps the rows that failed; `store_failures_as` comes before `store_failures`."""
    kept_as = config.get("store_failures_as")
    if kept_as is not None:
        return str(kept_as).lower() != "ephemeral"
    return bool(config.get("store_failures"))


def _schema(custom: Any, frame: Frame) -> str:
    return f"{frame.schema}_{custom}" if custom else frame.schema


def _seed(fields: Fields, node: Node, frame: Frame) -> None:
    fields["raw_code"] = ""
    fields["root_path"] = f"{frame.root}/{node.root}" if node.root else frame.root
    fields["depends_on"] = {"macros": list(node.macros)}


def _rendered(fields: Fields, node: Node, frame: Frame) -> None:
    fields["language"] = node.language
    fields["refs"] = [ref_dict(ref) for ref in node.refs]
    fields["sources"] = [[source.source, source.table] for source in node.source_refs]
    fields["metrics"] = []
    fields["functions"] = [[ref.package, ref.name] if ref.package else [ref.name] for ref in node.functions]
    fields["depends_on"] = {"macros": list(node.macros), "nodes": list(node.parents)}
    fields["compiled_path"] = compiled_path(node, frame.target_path)
    fields["contract"] = contract_dict(node, fields["config"].get("contract"))


def _model(fields: Fields, node: Node, frame: Frame) -> None:
    _rendered(fields, node, frame)
    fields["access"] = node.access
    fields["constraints"] = [constraint_dict(item, model_level=True) for item in node.constraints]
    fields["version"] = node.version
    fields["latest_version"] = node.latest_version
    fields["deprecation_date"] = moment(node.deprecation_date)
    fields["primary_key"] = list(node.primary_key)
    fields["time_spine"] = time_spine_dict(node.extra.get("time_spine"))


def _test(fields: Fields, node: Node, frame: Frame) -> None:
    _rendered(fields, node, frame)
    if node.test is None:
        return
    _own_tags(fields, node.yaml_config.get("tags") or ())
    attached = node.test.attached_to
    fields["column_name"] = node.test.column_name
    fields["file_key_name"] = node.test.file_key
    fields["attached_node"] = attached if attached and not attached.startswith("source.") else None
    fields["test_metadata"] = {
        "name": node.test.name,
        "kwargs": dict(node.test.kwargs),
        "namespace": node.test.namespace,
    }


def _own_tags(fields: Fields, inherited: Sequence[str]) -> None:
    """The tags of a test in order; those of its column and of its source are not in its config."""
    fields["tags"] = sorted(fields["tags"])
    if not inherited:
        return
    for key in ("config", "unrendered_config"):
        given = fields[key].get("tags") or []
        tags = [tag for tag in given if tag not in inherited] if isinstance(given, list) else given
        fields[key] = {name: value for name, value in fields[key].items() if name != "tags"}
        if tags or key == "config":
            fields[key]["tags"] = tags


def _operation(fields: Fields, node: Node, frame: Frame) -> None:
    """A hook of a package: its tag is not in its config, and its file is told from the package's folder."""
    _rendered(fields, node, frame)
    fields["original_file_path"] = f"./{node.original_path}"
    fields["config"] = {**fields["config"], "tags": []}
    fields["unrendered_config"] = {k: v for k, v in fields["unrendered_config"].items() if k != "tags"}
    number = node.name.rpartition("-")[2]
    fields["index"] = node.extra.get("index") or (int(number) + 1 if number.isdecimal() else None)


def _function(fields: Fields, node: Node, frame: Frame) -> None:
    _rendered(fields, node, frame)
    fields["returns"] = _returns(node.extra)
    fields["arguments"] = _arguments(node.extra)
    fields["overloads"] = [
        {
            "defined_in": overload["defined_in"],
            "arguments": _arguments(overload),
            "returns": _returns(overload),
            "description": overload.get("description"),
            "raw_body": overload.get("raw_body", ""),
            "compiled_body": overload.get("compiled_body"),
        }
        for overload in node.extra.get("overloads") or ()
    ]


def _returns(signature: Mapping[str, Any]) -> Fields:
    returns = signature.get("returns") or {}
    return {"data_type": returns.get("data_type") or "", "description": returns.get("description")}


def _arguments(signature: Mapping[str, Any]) -> list[Fields]:
    keys = ("name", "data_type", "description", "default_value")
    return [{key: argument.get(key) for key in keys} for argument in signature.get("arguments") or ()]


MORE: Mapping[str, Callable[[Fields, Node, Frame], None]] = {
    "model": _model,
    "seed": _seed,
    "snapshot": _rendered,
    "test": _test,
    "analysis": _rendered,
    "operation": _operation,
    "function": _function,
}


def model_dict(node: Node, around: Frame | Project = PLAIN) -> Fields:
    """`node_dict` with the keys that dbt shows to templates and leaves out of the file."""
    fields = node_dict(node, around)
    fields["config_call_dict"] = dict(node.extra.get("config_call", ()))
    fields["unrendered_config_call_dict"] = {}
    if node.resource_type in ("model", "seed", "snapshot"):
        fields["defer_relation"] = None
    if node.resource_type == "model":
        fields["batch"] = None
    return fields


def compiled_path(node: Node | UnitTest, target_path: str) -> str | None:
    """Where the compiled text is written: `<target>/compiled/<package>/<file>`; None for seeds.

    Nodes that are one of many in their file (tests and snapshots in YAML) get a file below that file's name.
    """
    if node.resource_type == "seed":
        return None
    if isinstance(node, UnitTest):
        folder = node.original_path.partition("/")[0]
        version = "" if node.version is None else f"_v{node.version}"
        return f"{target_path}/compiled/{node.package}/{node.original_path}/{folder}/{node.name}{version}.sql"
    return f"{target_path}/compiled/{node.package}/{file_in_target(node)}"


def file_in_target(node: Node) -> str:
    """The path of a node's file below `compiled/<package>/` and `run/<package>/`."""
    if node.resource_type == "snapshot":
        return f"{node.original_path}/{node.name}.sql"
    if node.path.rpartition("/")[2] == node.original_path.rpartition("/")[2]:
        return node.original_path
    return f"{node.original_path}/{node.path}"


def columns_dict(columns: Mapping[str, ColumnSpec]) -> Fields:
    """Columns by name."""
    return {name: column_dict(column) for name, column in columns.items()} if columns else {}


def column_dict(column: ColumnSpec) -> Fields:
    """One column as described in YAML."""
    return {
        "name": column.name,
        "description": column.description,
        "meta": dict(column.meta),
        "data_type": column.data_type,
        "constraints": [constraint_dict(item) for item in column.constraints],
        "quote": column.quote,
        "config": {"meta": dict(column.meta), "tags": list(column.tags)},
        "tags": list(column.tags),
        "granularity": column.granularity,
        "dimension": _part(column, "dimension", {"is_partition": False, "config": {}, "validity_params": None}),
        "entity": _part(column, "entity", {"config": {}}),
        "doc_blocks": list(column.doc_blocks),
        **column.more,
    }


def _part(column: ColumnSpec, key: str, more: Mapping[str, Any]) -> Any:
    """What a column is to a semantic model: the word for it, or a mapping of which nothing is left out."""
    given = column.semantics.get(key)
    if not isinstance(given, Mapping):
        return given
    head = {"name": column.name, "type": None, "description": column.description, "label": None}
    known = {**head, **more}
    return {name: given.get(name, default) for name, default in known.items()}


def constraint_dict(constraint: Mapping[str, Any], *, model_level: bool = False) -> Fields:
    """A constraint with its defaults."""
    fields: Fields = {
        "type": None,
        "name": None,
        "expression": None,
        "warn_unenforced": True,
        "warn_unsupported": True,
        "to": None,
        "to_columns": [],
    }
    if model_level:
        fields["columns"] = []
    fields.update((key, value) for key, value in constraint.items() if key in fields)
    return fields


def contract_dict(node: Node, config: Any) -> Fields:
    """The contract; when it is enforced, its checksum stands for names, types and constraints."""
    enforced = bool(config.get("enforced")) if isinstance(config, Mapping) else False
    return {
        "enforced": enforced,
        "alias_types": bool(config.get("alias_types", True)) if isinstance(config, Mapping) else True,
        "checksum": _contract_checksum(node) if enforced else None,
    }


def _contract_checksum(node: Node) -> str:
    """The digest that dbt gives, so that a manifest of either tool can be compared with."""
    columns = sorted(node.columns.values(), key=lambda column: column.name)
    text = "".join(f"|{c.name}{c.data_type}{_noted(c.constraints, 'ColumnLevel')}" for c in columns)
    if node.materialized in ("table", "incremental"):
        text += node.materialized + _noted(node.constraints, "ModelLevel")
    return sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def _noted(constraints: Iterable[Mapping[str, Any]], level: str) -> str:
    """Constraints as dbt writes them into what it digests: all of their members, by name."""
    noted = []
    for constraint in constraints:
        members = constraint_dict(constraint, model_level=level == "ModelLevel")
        kind = members.pop("type")
        told = ", ".join(f"{name}={value!r}" for name, value in members.items())
        noted.append(f"{level}Constraint(type=<ConstraintType.{kind}: '{kind}'>, {told})")
    return f"[{', '.join(noted)}]"


def time_spine_dict(value: Any) -> Fields | None:
    """`{standard_granularity_column, custom_granularities}`, or None."""
    if not isinstance(value, Mapping):
        return None
    return {
        "standard_granularity_column": value.get("standard_granularity_column"),
        "custom_granularities": [
            {"name": item.get("name"), "column_name": item.get("column_name")}
            for item in value.get("custom_granularities") or ()
            if isinstance(item, Mapping)
        ],
    }


def ref_dict(ref: Ref) -> Fields:
    """A call of `ref`."""
    version = ref.version
    return {
        "name": ref.name,
        "package": ref.package,
        "version": int(version) if version is not None and version.isdecimal() and version.isascii() else version,
    }


def moment(value: Any) -> str | None:
    """A date or time as ISO text with an offset, UTC where none was given; other text stays as it is."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return str(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).isoformat()
    return str(value)

"""The project file while it is read: values are taken out by type, and what is wrong is collected with its place.

Which keys there are is told here as data; files are found, rendered and made into `Settings` in `settings`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eltbuild.errors import Place, Problem, ProjectError, did_you_mean
from eltbuild.project.config_keys import words_of
from eltbuild.project.names import COMPATIBLE_VERSION
from eltbuild.project.read import read_file
from eltbuild.project.yaml import Listed, Mapped, load_yaml

VARS_FILES = ("vars.yml", "vars.yaml")

DEFAULT_PATHS: Mapping[str, tuple[str, ...]] = {
    "model-paths": ("models",),
    "seed-paths": ("seeds",),
    "macro-paths": ("macros",),
    "snapshot-paths": ("snapshots",),
    "test-paths": ("tests",),
    "analysis-paths": ("analyses",),
    "function-paths": ("functions",),
    "expectation-paths": ("expectations",),
    "asset-paths": (),
    "osi-paths": (),
}
_DOCUMENTED = (
    "model-paths",
    "seed-paths",
    "snapshot-paths",
    "analysis-paths",
    "macro-paths",
    "test-paths",
    "function-paths",
)
"""Where docs blocks are looked for when `docs-paths` does not say."""

SECTIONS: Mapping[str, str] = {
    "models": "models",
    "seeds": "seeds",
    "snapshots": "snapshots",
    "tests": "data_tests",
    "data_tests": "data_tests",
    "sources": "sources",
    "unit_tests": "unit_tests",
    "exposures": "exposures",
    "analyses": "analyses",
    "metrics": "metrics",
    "semantic-models": "semantic_models",
    "saved-queries": "saved_queries",
    "functions": "functions",
}
"""Top-level keys that hold config trees, and the section that each fills."""

_RENAMED: Mapping[str, tuple[str, str]] = {
    "source-paths": ("model-paths", "ConfigSourcePathDeprecation"),
    "data-paths": ("seed-paths", "ConfigDataPathDeprecation"),
    "modules-path": ("packages-install-path", "PackageInstallPathDeprecation"),
}
_OTHERS = frozenset(
    {"name", "version", "config-version", "profile", "docs-paths", "target-path", "log-path", "packages-install-path",
     "clean-targets", "quoting", "on-run-start", "on-run-end", "require-dbt-version", "dispatch", "vars",
     "query-comment", "restrict-access", "dbt-cloud", "flags", "packages", "check-paths", "info_schema", "state",
     "static_analysis", "anchors"}
)  # fmt: skip
KEYS = frozenset({*DEFAULT_PATHS, *SECTIONS, *_OTHERS})

_OWN: Mapping[str, str] = {
    "target-path": "TARGET_PATH", "log-path": "LOG_PATH", "packages-install-path": "PACKAGES_INSTALL_PATH",
}  # fmt: skip
"""Folders into which we write, and the variables that usually name them."""
_BY_VARIABLE = re.compile(
    r"""\{\{-?\s*env_var\(\s*['"](?:DBT|ELTBUILD)_\w+['"]\s*(?:,\s*['"][^'"]*['"]\s*)?\)\s*-?\}\}"""
)
"""A value that is one variable of the call, and nothing else."""

_NAME = re.compile(r"[^\d\W]\w*\Z")


class ProjectFile:
    """One project file while it is read: values are taken out by type, and what is wrong is collected."""

    def __init__(self, path: str, text: str, folder: str) -> None:
        self.path = path
        self.folder = folder
        self.problems: list[Problem] = []
        raw = load_yaml(text, path, self.problems)
        if raw is not None and not isinstance(raw, Mapped):
            raise ProjectError(Problem("a project file is a mapping: `name: ...`", Place(path, 1)))
        self.raw: Mapped = self._renamed(Mapped() if raw is None else raw)
        self.values: Mapped = self.raw

    def _renamed(self, raw: Mapped) -> Mapped:
        """The values with keys of old under their new names."""
        for old, (new, name) in _RENAMED.items():
            if old not in raw:
                continue
            if new in raw:
                self.error(f"`{old}` is the old name of `{new}`: only one of them may be given", old)
            place = Place(self.path, *raw.place_of(old))
            self.problems.append(Problem(f"`{old}` is now called `{new}`", place, f"write `{new}`", "warning", name))
            raw[new] = raw[old]
            raw._places[new] = raw._places.get(old, 0)
        return raw

    def error(self, message: str, *keys: Any, hint: str = "") -> None:
        """Note what is wrong with the value under these keys."""
        self.problems.append(Problem(message, self.place(*keys), hint))

    def place(self, *keys: Any) -> Place:
        """Where the value under these keys stands."""
        at: Any = getattr(self, "raw", None)
        found = (0, 0)
        for key in keys:
            if isinstance(at, Mapped):
                found, at = at.place_of(key), at.get(key)
            elif at is not None and hasattr(at, "place_of"):
                found, at = at.place_of(key), (at[key] if key < len(at) else None)
        return Place(self.path, *found)

    def warnings(self) -> tuple[Problem, ...]:
        """The warnings. Raises `ProjectError` when there are errors."""
        errors = [problem for problem in self.problems if problem.severity == "error"]
        if errors:
            raise ProjectError(*errors)
        return tuple(self.problems)

    def name(self) -> str:
        """The name of the project."""
        name = self.values.get("name")
        if name is None:
            self.error("the project has no name", hint="add a line such as `name: shop` at the top of the file")
            return ""
        if not isinstance(name, str) or not _NAME.match(name):
            hint = "letters, digits and underscores, and no digit in front"
            self.error(f"`{name}` cannot be the name of a project", "name", hint=hint)
        return str(name)

    def text(self, key: str, default: str) -> str:
        """A text."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            self.error(f"`{key}` must be a text", key)
        return str(value)

    def texts(self, key: str, *, split: bool = True) -> tuple[str, ...]:
        """A text or a list of texts; with `split` a list in a list (as an alias makes it) is flattened."""
        value = self.values.get(key)
        if value is None:
            return ()
        items = value if isinstance(value, list) else [value]
        if split:
            items = [inner for item in items for inner in (item if isinstance(item, list) else [item])]
        for index, item in enumerate(items):
            if not isinstance(item, str):
                self.error(f"`{key}` must be a text or a list of texts", key, index)
        return tuple(str(item) for item in items if item != "")

    def places(self, key: str) -> tuple[tuple[int, int], ...]:
        """Line and column of each text that `texts` gives without splitting."""
        value = self.raw.get(key)
        if isinstance(value, Listed):
            return tuple(value.place_of(index) for index, item in enumerate(value) if item != "")
        return (self.raw.place_of(key),) if value else ()

    def boolean(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.error(f"`{key}` must be true or false", key)
        return bool(value)

    def mapping(self, key: str) -> Mapping[str, Any]:
        """A mapping; an empty one where there is none."""
        value = self.values.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.error(f"`{key}` must be a mapping", key)
            return {}
        return value

    def own_folder(self, key: str, default: str, root: Path) -> str:
        """A folder into which we write: inside the project, links counted, unless a variable of the call names it."""
        value = self.text(key, default)
        raw = self.raw.get(key)
        named = isinstance(raw, str) and not self.folder and _BY_VARIABLE.fullmatch(raw.strip())
        if not named:
            self.check_inside(key, value, root, links=not self.folder)
        return value

    def check_inside(self, key: str, value: str, root: Path, *, links: bool) -> None:
        """Note a path that leads out of the project, or of the package, by its text; with `links`, also by a link."""
        top = os.path.join(root, self.folder)
        plain = os.path.normpath(os.path.join(top, value.replace("\\", "/")))
        if value.startswith("~") or not _is_within(plain, os.path.normpath(top)):
            what = "the package" if self.folder else "the project"
            hint = ""
            if key in _OWN and not self.folder:
                hint = f"a variable may name another place: `{key}: \"{{{{ env_var('DBT_{_OWN[key]}', '...') }}}}\"`"
            self.error(f"`{key}: {value}` leads out of {what}", key, hint=hint)
        elif links and not _is_within(os.path.realpath(plain), os.path.realpath(top)):
            self.error(f"`{key}: {value}` is a link that leads out of the project", key)

    def paths(self, root: Path) -> Mapping[str, tuple[str, ...]]:
        """The folders by key, the usual ones where none are given."""
        paths = {}
        for key, default in DEFAULT_PATHS.items():
            given = self.values.get(key)
            if isinstance(given, str):
                self.error(f"`{key}` must be a list of folders", key, hint=f"write `{key}: [{given}]`")
            paths[key] = tuple(map(_plain_path, self.texts(key))) if given is not None else default
        documented = tuple(dict.fromkeys(folder for key in _DOCUMENTED for folder in paths[key]))
        paths["docs-paths"] = tuple(map(_plain_path, self.texts("docs-paths"))) or documented
        given = dict.fromkeys((key, path) for key, found in paths.items() for path in found if self.values.get(key))
        for key, path in given:
            # What the user's own links lead to is the user's; those of a package are looked at one by one.
            self.check_inside(key, path, root, links=False)
        return paths

    def trees(self, values: Mapped, *, told: bool) -> Mapping[str, Mapping[str, Any]]:
        """The config trees by section; what is wrong is told where `told` says so."""
        trees: dict[str, Mapping[str, Any]] = {}
        for key, section in SECTIONS.items():
            tree = values.get(key)
            if tree is None:
                continue
            if section in trees and told:
                self.error("`tests` is the old name of `data_tests`: only one of them may be given", key)
            if isinstance(tree, dict):
                trees[section] = tree
            elif told:
                self.error(f"`{key}` must be a mapping of folders and configs", key)
        return trees

    def dispatch(self) -> tuple[Mapping[str, Any], ...]:
        """Where macros of a namespace are looked for: `{macro_namespace, search_order}` each."""
        value = self.values.get("dispatch")
        if value is None:
            return ()
        entries = []
        for index, entry in enumerate(value if isinstance(value, list) else [value]):
            order = entry.get("search_order") if isinstance(entry, dict) else None
            order = [order] if isinstance(order, str) else order
            if isinstance(entry, dict) and isinstance(entry.get("macro_namespace"), str) and isinstance(order, list):
                entries.append({"macro_namespace": entry["macro_namespace"], "search_order": [str(o) for o in order]})
            else:
                hint = "write `macro_namespace: dbt_utils` and `search_order: [shop, dbt_utils]`"
                self.error(
                    "`dispatch` must be a list of a namespace and its search order each",
                    "dispatch",
                    index,
                    hint=hint,
                )
        return tuple(entries)

    def quoting(self) -> Mapping[str, bool]:
        """Which parts of a relation's name are quoted, as far as that is said."""
        quoting = self.mapping("quoting")
        for key, value in quoting.items():
            if value is not None and not isinstance(value, bool):
                self.error(f"`quoting: {key}` must be true or false", "quoting", key)
        return {str(key): bool(value) for key, value in quoting.items() if value is not None}

    def query_comment(self) -> Mapping[str, Any]:
        """`comment` (None: no comment at all; absent: the default), `append`, `job-label`."""
        if "query-comment" not in self.values:
            return {}
        value = self.values["query-comment"]
        if value is None or value == "":
            return {"comment": None, "append": False}
        if isinstance(value, str):
            return {"comment": value, "append": False}
        if not isinstance(value, dict):
            self.error("`query-comment` must be a text or a mapping", "query-comment")
            return {}
        for key in value:
            if key not in ("comment", "append", "job-label"):
                hint = did_you_mean(str(key), ("comment", "append", "job-label"))
                self.error(f"`query-comment` has no `{key}`", "query-comment", key, hint=hint)
        comment = {"comment": value["comment"] or None} if "comment" in value else {}
        return {
            **comment,
            "append": bool(value.get("append", False)),
            "job-label": bool(value.get("job-label", False)),
        }

    def vars(self, root: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Variables of the project file, or else of `vars.yml`; and those that the project file may use."""
        given = self.raw.get("vars")
        if given is not None and not isinstance(given, dict):
            self.error("`vars` must be a mapping", "vars")
            given = None
        for name in VARS_FILES:
            path = f"{self.folder}/{name}" if self.folder else name
            if not os.path.isfile(os.path.join(root, path)):
                continue
            body = load_yaml(read_file(root, path, "").text, path, self.problems)
            vars = body.get("vars") if isinstance(body, dict) else body
            if vars is not None and not isinstance(vars, dict):
                self.problems.append(Problem("`vars` must be a mapping", Place(path, 1)))
            elif vars and given:
                hint = f"keep them in {path}"
                self.error(f"variables are defined in {self.path} and in {path}", "vars", hint=hint)
            elif vars:
                own = vars.get(str(self.raw.get("name")))
                return vars, {**vars, **own} if isinstance(own, dict) else vars
        return given or {}, {}

    def check_version(self, required: tuple[str, ...], name: str) -> None:
        """Note where a version of dbt is required that eltbuild is none of."""
        if not required:
            return
        from eltbuild.project.packages.versions import read_bounds, read_version

        ours = read_version(COMPATIBLE_VERSION)
        try:
            fits = all(bound.allows(ours) for bound in read_bounds(required))
        except ValueError as error:
            hint = 'write a list such as [">=1.8.0", "<2.0.0"]'
            self.error(str(error), "require-dbt-version", hint=hint)
            return
        if not fits:
            self.error(
                f"`{name}` requires dbt {', '.join(required)}, and eltbuild behaves as dbt {COMPATIBLE_VERSION}",
                "require-dbt-version",
                hint="use another version of the package, or run with --no-version-check",
            )

    def check_keys(self) -> None:
        """Warn of keys and flags that nothing reads."""
        for key in self.raw:
            if key not in KEYS and key not in _RENAMED:
                dashed = str(key).replace("_", "-")
                hint = f"did you mean `{dashed}`?" if dashed in KEYS else did_you_mean(str(key), KEYS)
                message = f"a project file has no key `{key}`; it is ignored"
                place = self.place(key)
                self.problems.append(Problem(message, place, hint, "warning", "CustomTopLevelKeyDeprecation"))
        for key in self.mapping("flags"):
            if str(key) not in FLAGS:
                message = f"the flag `{key}` is unknown; nothing here reads it"
                hint = did_you_mean(str(key), FLAGS)
                self.problems.append(Problem(message, self.place("flags", key), hint, "warning", "UnknownFlag"))


FLAGS = words_of(
    """
    cache_selected_only debug defer empty event_time_start event_time_end fail_fast favor_state full_refresh
    history_days history_runs hints_enabled indirect_selection introspect log_cache_events log_file_max_bytes log_format
    log_format_file
    log_level log_level_file log_path macro_debugging maximum_seed_size_mib partial_parse
    partial_parse_file_diff partial_parse_file_path populate_cache print printer_width quiet
    send_anonymous_usage_stats single_threaded static_analysis static_parser store_failures skip_proven example_values
    target_path on_target
    upload_to_artifacts_ingest_api use_colors use_colors_file use_experimental_parser use_fast_test_edges
    use_v2_parser v2_parser version_check warn_error warn_error_options write_json sample show_all_deprecations
    show_resource_report snowflake_projects_otel state_schema threads
    require_batched_execution_for_custom_microbatch_strategy
    require_explicit_package_overrides_for_builtin_materializations require_resource_names_without_spaces
    source_freshness_run_project_hooks skip_nodes_if_on_run_start_fails
    state_modified_compare_more_unrendered_values require_yaml_configuration_for_mf_time_spines
    require_nested_cumulative_type_params validate_macro_args require_all_warnings_handled_by_warn_error
    require_generic_test_arguments_property require_event_names_in_deprecations state_modified_compare_vars
    require_unique_project_resource_names require_ref_searches_node_package_before_root
    require_valid_schema_from_generate_schema_name allow_jinja_file_extensions
    require_sql_header_in_test_configs support_custom_ref_kwargs require_corrected_analysis_fqns
    require_source_and_semantic_model_names_without_spaces enable_grouped_warn_error_parser_logs use_catalogs_v2
    latest_version_pointer_enabled_by_default allow_spaces_in_model_names
    """
)
"""The flags of dbt 1.12 and ours; adapters have more of their own."""


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _plain_path(path: str) -> str:
    """The path with forward slashes, without `./` in front and slashes at the end."""
    plain = "/".join(part for part in path.replace("\\", "/").split("/") if part not in ("", "."))
    return "/" + plain if path.startswith("/") else plain


def text_or_none(value: Any) -> str | None:
    """The value as text."""
    return None if value is None else str(value)

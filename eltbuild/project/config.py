"""How the configs of a node come together from project files, properties and the node's own file.

From the weakest to the strongest: the tree of the node's own project file from the top down, the `config:` of its
properties, what `config()` gave in its file, and for nodes of an installed package the tree of the root project.
Defaults are not filled in. Which configs there are is told in `config_keys`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from eltbuild.errors import Place, Problem, ProjectError
from eltbuild.project.config_keys import BOOLEANS, KNOWN, MAPPINGS, NAMES, check_keys
from eltbuild.project.project import Settings
from eltbuild.project.yaml import Mapped
from eltbuild.values import dataclass, field

__all__ = ["KNOWN", "Configs", "Resolved", "check_keys", "hooks"]

Tree = Mapping[str, Any]
Level = Mapping[str, Any]

TREES: Mapping[str, tuple[str, ...]] = {"analyses": ("models", "analyses")}
"""Sections whose nodes obey other trees than the one of their own name; the last one is the strongest."""

HOOK_KEYS: Mapping[str, str] = {
    "pre_hook": "pre-hook",
    "post_hook": "post-hook",
    "pre-hook": "pre-hook",
    "post-hook": "post-hook",
}


@dataclass(frozen=True, slots=True)
class Resolved:
    """The config of a node, merged; and what was written, before Jinja, the strongest place for each key."""

    config: Mapping[str, Any]
    unrendered: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Folder:
    """What the trees of one project say of everything in a folder, and the branches that go on from there."""

    resolved: Resolved
    trees: tuple[Tree, ...]
    raw_trees: tuple[Tree, ...]


@dataclass(slots=True)
class Configs:
    """The config trees of a project and its packages, ready to be asked node by node."""

    root: Settings
    packages: Mapping[str, Settings]
    _folders: dict[tuple[str, str, tuple[str, ...]], _Folder] = field(default_factory=dict)
    _levels: dict[int, tuple[Tree, Level]] = field(default_factory=dict)

    def resolve(
        self,
        section: str,
        package: str,
        fqn: Sequence[str],
        properties: Mapping[str, Any],
        infile: Mapping[str, Any],
        unrendered_properties: Mapping[str, Any] | None = None,
        unrendered_infile: Mapping[str, Any] | None = None,
    ) -> Resolved:
        """The config of one node. `section` is as in `Settings.configs` (`models`, `data_tests` ...).

        `properties` is the `config:` of its YAML, `infile` what `config()` gave; the unrendered ones are taken to
        equal them where they are not given. The result may be shared by nodes: it must not be changed. Raises
        `ProjectError`, without a place where the fault is in properties or file.
        """
        own = self._of_node(section, package, fqn)
        foreign = package != self.root.name
        if not (properties or infile or foreign or unrendered_infile):
            return own
        config, unrendered = dict(own.config), dict(own.unrendered)
        rules = _rules(section)
        if properties:
            _apply(config, _flat(properties), rules)
        if infile:
            _apply(config, _flat(infile), rules)
        unrendered.update(properties if unrendered_properties is None else unrendered_properties)
        unrendered.update(infile if unrendered_infile is None else unrendered_infile)
        if foreign:
            for tree, raw in self._branches(section, fqn):
                _apply(config, self._level(tree), rules)
                unrendered.update(_written(raw))
        return Resolved(config, unrendered)

    def unused(self, nodes: Iterable[tuple[str, str, Sequence[str]]]) -> list[Problem]:
        """A warning for each path of the root project's trees under which no `(section, package, fqn)` lies."""
        used: dict[str, set[tuple[str, ...]]] = {}
        for section, _, fqn in nodes:
            path = tuple(fqn)
            for tree in TREES.get(section, (section,)):
                known = used.setdefault(tree, set())
                # A path that is known is known with all that it begins with.
                for length in range(len(path), -1, -1):
                    if path[:length] in known:
                        break
                    known.add(path[:length])
        return [
            _unused_problem(section, path, place, self.root.file)
            for section, tree in self.root.configs.items()
            for path, place in _config_paths(tree, (), (0, 0))
            if path not in used.get(section, ())
        ]

    def unknown_keys(self) -> list[Problem]:
        """A warning for each key in the root project's trees that nothing reads."""
        return [
            problem
            for section, tree in self.root.configs.items()
            for level in _levels_of(tree)
            for problem in check_keys(section, level, Place(self.root.file))
        ]

    def _of_node(self, section: str, package: str, fqn: Sequence[str]) -> Resolved:
        """What the trees of the node's own project say of it."""
        folder = self._folder(section, package, tuple(fqn[:-1]))
        if not fqn or not folder.trees:
            return folder.resolved
        return self._below(folder, fqn[-1], section).resolved

    def _folder(self, section: str, package: str, path: tuple[str, ...]) -> _Folder:
        key = (section, package, path)
        found = self._folders.get(key)
        if found is None:
            if path:
                found = self._below(self._folder(section, package, path[:-1]), path[-1], section)
            else:
                found = self._top(section, package)
            self._folders[key] = found
        return found

    def _top(self, section: str, package: str) -> _Folder:
        settings = self.root if package == self.root.name else self.packages.get(package)
        if settings is None:
            return _Folder(Resolved({}, {}), (), ())
        names = TREES.get(section, (section,))
        trees = tuple(settings.configs.get(name) or {} for name in names)
        raw_trees = tuple(settings.unrendered_configs.get(name) or {} for name in names)
        return self._with_levels(Resolved({}, {}), trees, raw_trees, section)

    def _below(self, folder: _Folder, name: str, section: str) -> _Folder:
        """The folder or node of that name in a folder."""
        trees = tuple(tree for outer in folder.trees if isinstance(tree := outer.get(name), dict))
        raw_trees = tuple(tree for outer in folder.raw_trees if isinstance(tree := outer.get(name), dict))
        if not trees and not raw_trees:
            return _Folder(folder.resolved, (), ())
        return self._with_levels(folder.resolved, trees, raw_trees, section)

    def _with_levels(
        self, above: Resolved, trees: tuple[Tree, ...], raw_trees: tuple[Tree, ...], section: str
    ) -> _Folder:
        config, unrendered = dict(above.config), dict(above.unrendered)
        for tree in trees:
            _apply(config, self._level(tree), _rules(section))
        for raw in raw_trees:
            unrendered.update(_written(raw))
        return _Folder(Resolved(config, unrendered), trees, raw_trees)

    def _branches(self, section: str, fqn: Sequence[str]) -> Iterator[tuple[Tree, Tree]]:
        """Each level of the root project's trees that speaks of a node, from the top down; with it as written."""
        for name in TREES.get(section, (section,)):
            tree: Any = self.root.configs.get(name)
            raw: Any = self.root.unrendered_configs.get(name)
            for step in (None, *fqn):
                if step is not None:
                    tree = tree.get(step)
                    raw = raw.get(step) if isinstance(raw, dict) else None
                if not isinstance(tree, dict):
                    break
                yield tree, raw if isinstance(raw, dict) else {}

    def _level(self, tree: Tree) -> Level:
        """The configs that stand directly in a tree; raises `ProjectError` with their place."""
        known = self._levels.get(id(tree))
        if known is None:
            try:
                known = (tree, _flat(_written(tree), tree=True))
            except ProjectError as error:
                raise ProjectError(*(self._placed(problem, tree) for problem in error.problems)) from None
            self._levels[id(tree)] = known
        return known[1]

    def _placed(self, problem: Problem, tree: Tree) -> Problem:
        place = Place(self.root.file, tree.line, tree.column) if isinstance(tree, Mapped) else None
        return Problem(problem.message, place, problem.hint)


def _written(tree: Tree) -> dict[str, Any]:
    """The configs that stand directly in a tree: keys with a plus, and others that are no folders."""
    return {
        key[1:].strip() if key[:1] == "+" else key: value
        for key, value in tree.items()
        if isinstance(key, str) and (key[:1] == "+" or not isinstance(value, dict))
    }


def _flat(given: Mapping[str, Any], *, tree: bool = False) -> Level:
    """The configs under their names, with values in their one form. Raises `ProjectError`.

    In properties and files nothing (null) says nothing of a config that is gathered; in a tree it clears it.
    """
    level = {}
    for key, value in given.items():
        normal = _NORMAL.get(key)
        if normal is None:
            level[key] = value
            continue
        name = HOOK_KEYS.get(key, key)
        if name in level:
            other = name.replace("-", "_")
            raise ProjectError(Problem(f"`{name}` and `{other}` are the same config: only one of them may be given"))
        if value is not None:
            level[name] = normal(name, value)
        elif tree or name in BOOLEANS:
            level[name] = None
    return level


def wrong_values(given: Mapping[str, Any]) -> Iterator[tuple[str, Problem]]:
    """Each key whose value cannot be, with the problem; its place is the caller's to tell."""
    for key, value in given.items():
        try:
            _flat({key: value})
        except ProjectError as error:
            yield from ((key, problem) for problem in error.problems)


def _texts(key: str, value: Any) -> list[str]:
    items = value if isinstance(value, (list, tuple)) else [value]
    if any(isinstance(item, (dict, list, tuple)) for item in items):
        raise ProjectError(Problem(f"config `{key}` must be a text or a list of texts"))
    return [str(item) for item in items if item is not None]


def _mapping(key: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ProjectError(Problem(f"config `{key}` must be a mapping"))
    return value


def _boolean(key: str, value: Any) -> Any:
    """True or false; the words for them too, as environment variables hold them."""
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.strip().lower(), value)
    if not isinstance(value, bool):
        raise ProjectError(Problem(f"config `{key}` must be true or false"))
    return value


def _name(key: str, value: Any) -> Any:
    if isinstance(value, (Mapping, list, tuple)):
        raise ProjectError(Problem(f"config `{key}` must be a text"))
    return value


def hooks(key: str, value: Any) -> tuple[Mapping[str, Any], ...]:
    """Hooks as `{sql, transaction, index}` each, from a text, a mapping or a list of them. Raises `ProjectError`."""
    found = []
    for item in value if isinstance(value, (list, tuple)) else (value,):
        if item is None:
            continue
        hook = _hook_of_text(item) if isinstance(item, str) else item
        if not isinstance(hook, Mapping) or not isinstance(hook.get("sql", ""), str):
            raise ProjectError(Problem(f"config `{key}` must be SQL, or a mapping with `sql` and `transaction`"))
        transaction = _boolean(f"{key}: transaction", hook.get("transaction", True))
        found.append({"sql": hook.get("sql", ""), "transaction": transaction, "index": hook.get("index")})
    return tuple(found)


def _hook_of_text(text: str) -> Mapping[str, Any]:
    """The hook that a text means: SQL, or the JSON that `before_begin()` and its like make."""
    if text.lstrip().startswith("{") and '"sql"' in text:
        try:
            hook = json.loads(text)
        except (ValueError, RecursionError):
            hook = None
        if isinstance(hook, dict) and "sql" in hook:
            return hook
    return {"sql": text}


_NORMAL: Mapping[str, Callable[[str, Any], Any]] = {
    "tags": _texts,
    "packages": _texts,
    "grants": _mapping,
    **dict.fromkeys(NAMES, _name),
    **dict.fromkeys(MAPPINGS, _mapping),
    **dict.fromkeys(HOOK_KEYS, hooks),
    **dict.fromkeys(BOOLEANS, _boolean),
}
"""Values that are written in several ways, or that must be of one type: what makes the one form of them."""

Rule = Callable[[Any, Any], Any]


def _append(old: Any, new: Any) -> Any:
    return [*(old or ()), *new]


def _append_hooks(old: Any, new: Any) -> Any:
    return (*(old or ()), *new)


def _update(old: Any, new: Any) -> Any:
    return {**(old or {}), **new}


def _grants(old: Any, new: Any) -> Any:
    """Grantees by privilege; a privilege with a plus in front adds to those that there are."""
    grants = dict(old or {})
    for key, value in new.items():
        name = str(key).removeprefix("+")
        grantees = _texts(f"grants: {name}", value)
        grants[name] = [*grants.get(name, ()), *grantees] if str(key).startswith("+") else grantees
    return grants


_GATHERED: Mapping[str, Rule] = {
    "tags": _append,
    "packages": _append,
    "pre-hook": _append_hooks,
    "post-hook": _append_hooks,
    "grants": _grants,
    **dict.fromkeys(MAPPINGS, _update),
}
_WITHOUT_TAGS: Mapping[str, Rule] = {key: rule for key, rule in _GATHERED.items() if key != "tags"}
_RULES: Mapping[str, Mapping[str, Rule]] = {
    # What dbt gathers for nodes, it replaces for these.
    "sources": _WITHOUT_TAGS,
    "metrics": _WITHOUT_TAGS,
    "saved_queries": _WITHOUT_TAGS,
    "semantic_models": _WITHOUT_TAGS,
    "exposures": {},
}


def _rules(section: str) -> Mapping[str, Rule]:
    """How values of a key join those of weaker places; a key without a rule is replaced."""
    return _RULES.get(section, _GATHERED)


def _apply(config: dict[str, Any], level: Level, rules: Mapping[str, Rule]) -> None:
    """Join a level to a config; lists and mappings are made anew, for others may share them."""
    for key, value in level.items():
        rule = rules.get(key)
        if rule is None:
            config[key] = value
        elif value is None:
            config.pop(key, None)
        else:
            config[key] = rule(config.get(key), value)


def _config_paths(
    tree: Any, path: tuple[str, ...], place: tuple[int, int]
) -> Iterator[tuple[tuple[str, ...], tuple[int, int]]]:
    """The path of each branch of a tree in which configs stand."""
    if _written(tree):
        yield path, place
    for key, value in tree.items():
        if isinstance(value, dict) and str(key)[:1] != "+":
            inner = tree.place_of(key) if isinstance(tree, Mapped) else (0, 0)
            yield from _config_paths(value, (*path, str(key)), inner)


def _levels_of(tree: Any) -> Iterator[Level]:
    level = Mapped(_written(tree))
    if isinstance(tree, Mapped):
        level.line, level.column = tree.line, tree.column
        level._places = {str(key).removeprefix("+").strip(): at for key, at in tree._places.items()}
    yield level
    for key, value in tree.items():
        if isinstance(value, dict) and str(key)[:1] != "+":
            yield from _levels_of(value)


def _unused_problem(section: str, path: tuple[str, ...], place: tuple[int, int], file: str) -> Problem:
    message = f"the configs under `{'.'.join((section, *path))}` apply to no resource"
    last = path[-1] if path else ""
    hint = f"write `+{last}` if it is meant as a config" if last in KNOWN.get(section, ()) else ""
    return Problem(message, Place(file, *place), hint, "warning", "UnusedResourceConfigPath")

"""Which macro a name means: lookup by package, namespaces, dispatch. Nothing is rendered here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from eltbuild.compile.building_blocks import BUILDING_BLOCKS, in_steps
from eltbuild.project.project import Project
from eltbuild.project.resources import Macro
from eltbuild.values import dataclass, field, replace

EXPLICIT = "require_explicit_package_overrides_for_builtin_materializations"
PARENT_TYPES: Mapping[str, tuple[str, ...]] = {"redshift": ("postgres",), "databricks": ("spark",)}
"""Adapter types whose macros also serve another type, as dbt's adapters declare it."""
MATERIALIZATIONS = frozenset({
    "table", "view", "incremental", "materialized_view", "snapshot", "seed", "test", "unit", "clone", "function",
})  # fmt: skip
"""Built-in ones, for every adapter."""
ADAPTERS_OWN: Mapping[str, frozenset[str]] = {
    "duckdb": frozenset({"table", "incremental", "external", "table_function"}),
}
"""Those that dbt's adapter brings itself: they come before what a project has for all adapters."""


@dataclass(frozen=True, slots=True)
class MacroIndex:
    """All macros by package and key, with the rules that say which of them a name means."""

    root: str
    by_package: Mapping[str, Mapping[str, Macro]]
    prefixes: tuple[str, ...]
    search_orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stepwise: Mapping[str, Macro] = field(default_factory=dict)
    """Built-in materializations that are done step by step, since the project has replaced a step of them."""
    explicit: bool = True
    """Whether only the project itself may put a materialization in the place of a built-in one."""

    @classmethod
    def of(cls, project: Project) -> MacroIndex:
        """The index of a project's macros for its target's adapter type."""
        packages: dict[str, dict[str, Macro]] = {name: {} for name in project.packages}
        for macro in project.macros.values():
            packages.setdefault(macro.package, {})[macro.key] = macro
        kind = project.target.type
        orders = {
            str(entry.get("macro_namespace")): tuple(map(str, entry.get("search_order") or ()))
            for entry in project.settings.dispatch
        }
        found = cls(
            project.settings.name,
            packages,
            (kind, *PARENT_TYPES.get(kind, ()), "default"),
            orders,
            explicit=bool(project.settings.flags.get(EXPLICIT, True)),
        )
        return replace(found, stepwise=dict(found._in_steps()))

    def _in_steps(self) -> Iterator[tuple[str, Macro]]:
        for name, blocks in BUILDING_BLOCKS.items():
            replaced = (self.visible(block, self.root) or self.overridden(block) for block in sorted(blocks))
            first = next((macro for macro in replaced if macro is not None), None)
            if first is not None:
                yield name, in_steps(name, first)

    def visible(self, name: str, package: str) -> Macro | None:
        """What an unqualified name means in a template of that package: its own macros, then the project's."""
        local = self.by_package.get(package, {}).get(name)
        if local is not None:
            return local
        return self.by_package.get(self.root, {}).get(name)

    def overridden(self, name: str) -> Macro | None:
        """A macro of the project's that takes the place of a built-in one, as `<prefix>__<name>`."""
        for package in self.search_order("dbt"):
            macros = self.by_package.get(package, {})
            for prefix in self.prefixes:
                found = macros.get(f"{prefix}__{name}")
                if found is not None:
                    return found
        return None

    def search_order(self, namespace: str | None) -> tuple[str, ...]:
        """The packages in which a dispatch looks, first one first."""
        if namespace is None:
            return (self.root, *(name for name in self.by_package if name != self.root))
        given = self.search_orders.get(namespace)
        if given:
            return given
        return (self.root, namespace) if namespace in self.by_package or namespace == "dbt" else (self.root,)

    def dispatched(self, name: str, namespace: str | None, package: str) -> Macro | None:
        """The implementation of a dispatched macro: by package in search order, by prefix within a package."""
        order = self.search_order(namespace) if namespace else (package, self.root)
        for candidate in order:
            macros = self.by_package.get(candidate, {})
            for prefix in self.prefixes:
                found = macros.get(f"{prefix}__{name}")
                if found is not None:
                    return found
        return None

    def candidates(self, name: str) -> Iterator[Macro]:
        """Every implementation that a dispatch of that name could reach."""
        for macros in self.by_package.values():
            for prefix in self.prefixes:
                if f"{prefix}__{name}" in macros:
                    yield macros[f"{prefix}__{name}"]

    def materialization(self, name: str, package: str) -> Macro | None:
        """The project's own materialization of that name; else a built-in one of which it has replaced a step."""
        return self.of_files(name, package) or self.stepwise.get(name)

    def of_files(self, name: str, package: str) -> Macro | None:
        """The materialization of that name: one for this adapter before one for all, the project's before others'.

        A built-in one takes part as dbt's does. A package's takes its place only where the project's flags say so.
        """
        for prefix in self.prefixes:
            key = f"materialization_{name}_{prefix}"
            own = self.by_package.get(self.root, {}).get(key)
            if own is not None:
                return own
            found = (self.by_package.get(other, {}).get(key) for other in (package, *self.by_package))
            theirs = next((macro for macro in found if macro is not None), None)
            if theirs is not None:
                return None if self.explicit and self._built_in(name) else theirs
            if name in ADAPTERS_OWN.get(prefix, ()):
                return None
        return None

    def _built_in(self, name: str) -> bool:
        return name in MATERIALIZATIONS or any(name in ADAPTERS_OWN.get(prefix, ()) for prefix in self.prefixes)

    def test_materialization(self) -> Macro | None:
        """What the project itself puts in the place of the built-in materialization of data tests."""
        macros = self.by_package.get(self.root, {})
        return next((macros[key] for p in self.prefixes if (key := f"materialization_test_{p}") in macros), None)

    def find(self, dotted: str, package: str) -> Macro | None:
        """The macro that a name means as written in a template: `name`, `package.name`, `adapter.dispatch:name`."""
        if dotted.startswith("adapter.dispatch:"):
            return next(self.candidates(dotted.partition(":")[2]), None)
        head, _, rest = dotted.partition(".")
        if rest and head in self.by_package:
            return self.by_package[head].get(rest.split(".")[0])
        return self.visible(head, package)

    def names(self, package: str) -> Iterator[str]:
        """Every name that a template of that package can call, for hints."""
        yield from self.by_package.get(package, {})
        if package != self.root:
            yield from self.by_package.get(self.root, {})
        for namespace, macros in self.by_package.items():
            yield from (f"{namespace}.{key}" for key in macros)

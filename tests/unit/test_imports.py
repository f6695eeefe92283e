"""No module imports itself by a detour, not even inside a function."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]


def modules() -> dict[str, Path]:
    bases = [ROOT / "eltbuild", *sorted((ROOT / "adapters").glob("eltbuild_*"))]
    found = {}
    for base in bases:
        for path in base.rglob("*.py"):
            parts = (base.name, *path.relative_to(base).with_suffix("").parts)
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                names.add(inner if inner in known else node.module)
    return names & set(known)


def test_no_import_leads_back_to_where_it_began():
    known = modules()
    imports = {name: imported(path, known) - {name} for name, path in known.items()}
    remaining = dict(imports)
    # What imports nothing that remains is taken away until only circles, and what leads to them, are left.
    while leaves := {name for name, wanted in remaining.items() if not wanted & set(remaining)}:
        remaining = {name: wanted for name, wanted in remaining.items() if name not in leaves}
    assert len(known) > 100
    assert not remaining, f"in a circle, or above one: {sorted(remaining)}"

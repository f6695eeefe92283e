"""`eltbuild init`: a small project to start from."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import indent
from unicodedata import combining, normalize

from eltbuild.adapter import adapter_factory, adapter_types
from eltbuild.commands.reporting import EXIT
from eltbuild.errors import Problem, UsageError, did_you_mean

DEFAULT_ADAPTER = "duckdb"
STARTER = Path(__file__).parent / "starter"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
TAKEN = frozenset({"dbt", "eltbuild", "this", "model", "source"})


def command(name: str | None, adapter: str, project_dir: str | None) -> int:
    """Write a new project's files and say how to go on; the exit code."""
    if not name:
        raise UsageError(Problem("which name shall the project have?", hint="eltbuild init shop"))
    folder = Path(project_dir or ".") / name
    for path in init(folder, name, adapter):
        sys.stderr.write(f"wrote {path}\n")
    sys.stderr.write(f"\nnext:\n  cd {folder}\n  eltbuild build\n")
    return EXIT.ok


def init(folder: Path, name: str, adapter: str = DEFAULT_ADAPTER) -> tuple[Path, ...]:
    """Write a project called `name` into `folder`; returns the files written, in order of their paths.

    On DuckDB it reads its raw data from files and needs no profile; for other adapters the raw data become
    seeds, and a profile is there to be filled in. No file is ever overwritten. Raises `UsageError`.
    """
    _check_name(name)
    _check_adapter(adapter)
    texts = starter(name, adapter)
    standing = sorted(path for path in texts if (folder / path).exists() or (folder / path).is_symlink())
    if standing:
        raise UsageError(
            Problem(
                f"nothing was written to `{folder}`: {', '.join(standing)} would be overwritten",
                hint="choose a folder that is new or empty",
            )
        )
    return tuple(_write(folder / path, text) for path, text in sorted(texts.items()))


def starter(name: str, adapter: str) -> Mapping[str, str]:
    """The files of a new project: path to text."""
    files = (path for path in STARTER.rglob("*") if path.is_file())
    texts = {path.relative_to(STARTER).as_posix(): path.read_text(encoding="utf-8") for path in files}
    texts[".gitignore"] = texts.pop("gitignore")
    fitted = _on_files(texts) if adapter == DEFAULT_ADAPTER else _on_seeds(texts, adapter)
    return {path: text.replace("my_project", name).replace("my_adapter", adapter) for path, text in fitted.items()}


def _on_files(texts: Mapping[str, str]) -> dict[str, str]:
    return {path: text for path, text in texts.items() if path != "profiles.yml"}


def _on_seeds(texts: Mapping[str, str], adapter: str) -> dict[str, str]:
    """Raw data as seeds `raw_...`, for warehouses that cannot read files where the project lies."""
    example = str(getattr(adapter_factory(adapter), "example", ""))
    fitted = {}
    for path, text in texts.items():
        if path != "models/staging/_sources.yml":
            seeds = path.replace("data/", "seeds/raw_")
            fitted[seeds] = re.sub(r"source\('raw', '(\w+)'\)", r"ref('raw_\1')", text)
    fitted["profiles.yml"] += indent(example, " " * 6)
    fitted["README.md"] = fitted["README.md"].replace("| `data/` | raw files, read as sources |\n", "")
    return fitted


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name) or name.lower() in TAKEN:
        plain = "".join(sign for sign in normalize("NFKD", name) if not combining(sign))
        proposal = re.sub(r"\W+", "_", plain, flags=re.ASCII).strip("_").lower()
        hint = f"`{proposal}` would do" if NAME.fullmatch(proposal) and proposal not in TAKEN else ""
        why = "is taken by templates" if name.lower() in TAKEN else "is not made of letters, digits and `_`"
        raise UsageError(Problem(f"a project cannot be called `{name[:80]}`: the name {why}", hint=hint))


def _check_adapter(adapter: str) -> None:
    known = adapter_types()
    if adapter != DEFAULT_ADAPTER and adapter not in known:
        hint = did_you_mean(adapter, known) or f"installed adapters: {', '.join(known) or 'none'}"
        raise UsageError(Problem(f"no adapter is called `{adapter}`", hint=hint))


def _write(place: Path, text: str) -> Path:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"cannot write `{place}`: {error.strerror}") from None
    return place

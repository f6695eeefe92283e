"""Runs in processes of their own, on small projects that stop where a test wants them to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

PATIENCE = 60
"""Seconds after which what never happens is a failure: a guard against hanging, no more."""


def project(folder: Path, fields: Mapping[str, Any], models: Mapping[str, str]) -> Path:
    """A project with that target and these models, by file name."""
    (folder / "models").mkdir(parents=True)
    (folder / "eltbuild.yml").write_text("name: shop\n")
    profile = {"shop": {"target": "dev", "outputs": {"dev": {"threads": 1, **fields}}}}
    (folder / "profiles.yml").write_text(json.dumps(profile))
    for name, text in models.items():
        (folder / "models" / name).write_text(text)
    return folder


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A run in a process of its own."""
    environ = {**os.environ, "NO_COLOR": "1", "ELTBUILD_LOG_LEVEL_FILE": "none"}
    return subprocess.Popen(
        [sys.executable, "-m", "eltbuild", *arguments], cwd=folder, env=environ, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code and all that it said."""
    said, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, said


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """The same for one that is waited for."""
    return end(start(folder, *arguments))


def until(happens: Callable[[], Any], process: subprocess.Popen[str] | None = None) -> Any:
    """What it gives as soon as that is anything; the process may not end meanwhile."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = happens()
        if found:
            return found
        if process is not None and process.poll() is not None:
            raise AssertionError(f"it ended:\n{process.communicate()[0]}")
        time.sleep(0.02)
    raise AssertionError("it never happened")

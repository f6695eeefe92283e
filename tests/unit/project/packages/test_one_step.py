"""All packages or none: a kill in the middle, readers at the same time."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from package_makers import install, only_entries, package, project, snapshot, tarball

from eltbuild.errors import UsageError


def open_when_read(fifo: Path, child: subprocess.Popen[bytes]) -> io.FileIO:
    """The writing end of a pipe, once the child reads from it; fails when the child ends before."""
    for _ in range(3000):
        assert child.poll() is None, "the install ended before it fetched"
        try:
            return io.FileIO(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK), "w")
        except OSError:
            time.sleep(0.01)
    raise AssertionError("the install never fetched")


def test_a_kill_in_the_middle_leaves_the_old_packages_whole(tmp_path: Path) -> None:
    """Killed while the second package is being fetched; the next install clears up and completes."""
    first = tarball(tmp_path / "first.tgz", "first")
    root = project(tmp_path / "shop", {"tarball": first.as_uri(), "name": "first"})
    install(root)
    before = snapshot(root / "dbt_packages")
    fifo = tmp_path / "slow.tgz"
    os.mkfifo(fifo)
    slow = {"tarball": fifo.as_uri(), "name": "slow"}
    project(root, {"tarball": first.as_uri(), "name": "first"}, slow)
    script = (
        "import os, pathlib; from eltbuild.commands.deps import deps; "
        f"deps(pathlib.Path({str(root)!r}), upgrade=True, environment=dict(os.environ), vars={{}})"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    try:
        with open_when_read(fifo, child):
            project(root, {"tarball": first.as_uri(), "name": "first"})
            with pytest.raises(UsageError, match="another"):
                install(root)
            child.send_signal(signal.SIGKILL)
            child.wait(timeout=30)
    finally:
        child.kill()
        child.wait()
    assert snapshot(root / "dbt_packages") == before
    assert any(name.startswith(".eltbuild-packages-") for name in only_entries(root))
    install(root, upgrade=True)
    assert snapshot(root / "dbt_packages") == before
    assert only_entries(root) == {"dbt_project.yml", "packages.yml", "package-lock.yml", "dbt_packages"}


def test_a_reader_never_misses_the_packages(tmp_path: Path) -> None:
    """While installs replace the folder over and over, a reader finds one whole version of it each time."""

    package(tmp_path / "one", "one")
    archive = tarball(tmp_path / "tools.tgz", "tools")
    root = project(tmp_path / "shop", {"tarball": archive.as_uri(), "name": "tools"})
    install(root)
    done = threading.Event()
    missed: list[str] = []

    def read() -> None:
        while not done.is_set():
            if not (root / "dbt_packages/tools/dbt_project.yml").exists():
                missed.append("gone")

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(20):
            install(root, upgrade=True)
    finally:
        done.set()
        reader.join()
    assert missed == []

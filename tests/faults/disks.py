"""Disks that are full: small file systems in memory, mounted by root."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from faults.postgres_databases import Base
from faults.trials import Fault, Hurt, Scene
from faults.weaponry import ended

KIB = 1024
ROOM = 64 * KIB
"""KiB for a project and its database, or a database of PostgreSQL's."""


def why_not() -> str:
    """Why no file system can be mounted here."""
    if os.geteuid() != 0:
        return "only root can mount a file system"
    folder = tempfile.mkdtemp()
    try:
        with mounted(Path(folder), 64):
            return ""
    except (OSError, subprocess.CalledProcessError) as error:
        return f"no file system can be mounted: {error}"
    finally:
        Path(folder).rmdir()


@contextlib.contextmanager
def mounted(folder: Path, kib: int) -> Iterator[Path]:
    """A file system of that size in that folder."""
    _mount("-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


@contextlib.contextmanager
def filled(folder: Path, left: int) -> Iterator[None]:
    """A file takes all of the file system but so many KiB."""
    filler = folder / "filler"
    filler.write_bytes(bytes(max(0, shutil.disk_usage(folder).free - left * KIB)))
    try:
        yield
    finally:
        filler.unlink()


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True)


def points(random: random.Random) -> Iterator[tuple[str, Fault]]:
    """From no room at all to nearly enough."""
    for kib in (0, 4, 12, 28, 60, 124, 252, 508, 1020):
        yield f"{kib} KiB left", full(kib)


def full(left: int) -> Fault:
    """The run has so many KiB for its database; whoever comes next has room."""

    def hurt(scene: Scene) -> Hurt:
        base = scene.stand.database
        return _full_tablespace(scene, base, left) if isinstance(base, Base) else _full_folder(scene, left)

    return hurt


def _full_folder(scene: Scene, left: int) -> Hurt:
    """The project's folder, its database within, lies on the small file system while the run goes on."""
    folder, aside = scene.stand.folder, scene.stand.folder.with_suffix(".aside")
    folder.rename(aside)
    folder.mkdir()
    with mounted(folder, ROOM):
        shutil.copytree(aside, folder, dirs_exist_ok=True)
        with filled(folder, left):
            run = scene.start()
            code = ended(run)
        shutil.rmtree(aside)
        shutil.copytree(folder, aside)
    folder.rmdir()
    aside.rename(folder)
    return Hurt(code != 0, code, run.text(), f"{left} KiB left")


def _full_tablespace(scene: Scene, base: Base, left: int) -> Hurt:
    """The database lies in a tablespace on the small file system while the run goes on."""
    server, name = base.server, f"small_{base.name}"
    folder = Path(tempfile.mkdtemp(prefix="small-", dir=server.folder))
    with mounted(folder, ROOM):
        owner = server.data.stat()
        os.chown(folder, owner.st_uid, owner.st_gid)
        server.execute(f"create tablespace {name} location '{folder}'")
        server.execute(f"alter database {base.name} set tablespace {name}")
        server.execute("checkpoint")
        with filled(folder, left):
            run = scene.start()
            code = ended(run)
        server.execute(f"alter database {base.name} set tablespace pg_default")
        server.execute(f"drop tablespace {name}")
    folder.rmdir()
    return Hurt(code != 0, code, run.text(), f"{left} KiB left")

"""Local files, damaged between two runs: what is only kept to be faster must never matter."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from faults.trials import Fault, Hurt, Scene
from faults.weaponry import ended

KEPT = ("target", ".eltbuild", "logs")
"""The folders that eltbuild keeps in a project."""
TIMES = 12


def _cut(path: Path, random: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: random.randrange(len(data))] if data else b"")


def _emptied(path: Path, random: random.Random) -> None:
    path.write_bytes(b"")


def _garbage(path: Path, random: random.Random) -> None:
    path.write_bytes(random.randbytes(random.randrange(1, 4096)))


def _flipped(path: Path, random: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(min(len(data), 8)):
        data[random.randrange(len(data))] = random.randrange(256)
    path.write_bytes(bytes(data))


def _foreign(path: Path, random: random.Random) -> None:
    path.write_text(
        random.choice(['{"metadata": {}, "results": [1, null], "nodes": {"a": 3}}', "[]", "null", "3\n4\n"])
    )


def _gone(path: Path, random: random.Random) -> None:
    path.unlink()


DAMAGES: Mapping[str, Callable[[Path, random.Random], None]] = {
    "cut": _cut, "emptied": _emptied, "garbage": _garbage, "flipped": _flipped, "foreign": _foreign,
    "gone": _gone,
}  # fmt: skip


def points(random: random.Random) -> Iterator[tuple[str, Fault]]:
    """Each kind of damage to every file, then mixed damage to about half of them."""
    for name in DAMAGES:
        yield f"all {name}", _damaged(random.randrange(1 << 30), [name], 1.0)
    for number in range(TIMES):
        yield f"mixed {number}", _damaged(random.randrange(1 << 30), list(DAMAGES), 0.5)
    yield "folders are files", _blocked()


def _damaged(seed: int, names: list[str], share: float) -> Fault:
    def hurt(scene: Scene) -> Hurt:
        chance = random.Random(seed)
        done = []
        for path in files(scene.stand.folder):
            if chance.random() < share:
                name = chance.choice(names)
                DAMAGES[name](path, chance)
                done.append(f"{path.relative_to(scene.stand.folder)} {name}")
        return _run(scene, ", ".join(done))

    return hurt


def _blocked() -> Fault:
    def hurt(scene: Scene) -> Hurt:
        shutil.rmtree(scene.stand.folder / "target")
        (scene.stand.folder / "target").mkdir()
        (scene.stand.folder / "target" / "cache").write_text("a file where a folder belongs")
        return _run(scene, "target/cache is a file")

    return hurt


def files(folder: Path) -> list[Path]:
    """All that eltbuild has left in the project's folder."""
    return sorted(path for name in KEPT for path in (folder / name).rglob("*") if path.is_file())


def _run(scene: Scene, where: str) -> Hurt:
    """The run after the damage: it must end well."""
    run = scene.start()
    code = ended(run)
    wrong = () if code == 0 else (f"the run on damaged files ended with {code}: {where}",)
    return Hurt(bool(where), code, run.text(), where, wrong)

"""A project in a folder of its own, called in this process, and everything that it leaves behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from eltbuild.cli import main


@dataclass
class Called:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """All that was printed."""
        return self.out + self.err


@dataclass
class Shop:
    """A project `shop` with a home folder beside it."""

    root: Path
    home: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def write(self, files: Mapping[str, str]) -> None:
        """The files stand in the project's folder."""
        for path, text in files.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text, encoding="utf-8")

    def call(self, *arguments: str) -> Called:
        """What `eltbuild` does with these arguments."""
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([*arguments])
        said = self.capsys.readouterr()
        return Called(int(left.value.code or 0), said.out, said.err)

    def left(self) -> Iterator[tuple[Path, bytes]]:
        """Every file that commands have made under the project and the home folder, with its content."""
        for folder in (self.root / "target", self.root / "logs", self.root / "dbt_packages", self.home):
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    yield path, path.read_bytes()

"""The log file: opened late, turned over by size, and never in the way."""

from __future__ import annotations

from pathlib import Path

from eltbuild.report.rotating import RotatingFile


def no_warning(text: str) -> None:
    raise AssertionError(text)


def test_nothing_is_made_before_the_first_line(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "logs" / "eltbuild.log", no_warning)
    assert not (tmp_path / "logs").exists()
    file.write("a\n")
    file.close()
    file.write("b\n")
    file.close()
    assert (tmp_path / "logs" / "eltbuild.log").read_text() == "a\nb\n"


def test_the_newest_lines_are_kept_in_order(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "x.log", no_warning, max_bytes=20, backups=2)
    for index in range(10):
        file.write(f"line {index:04}\n")
    file.close()
    kept = [(tmp_path / name).read_text() for name in ("x.log.2", "x.log.1", "x.log")]
    assert "".join(kept) == "".join(f"line {index:04}\n" for index in range(4, 10))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.log", "x.log.1", "x.log.2"]
    assert all(len(text.encode()) <= 20 for text in kept)


def test_the_size_of_an_older_file_counts(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text("é" * 10)
    file = RotatingFile(tmp_path / "x.log", no_warning, max_bytes=22, backups=1)
    file.write("é\n")
    file.close()
    assert (tmp_path / "x.log.1").read_text() == "é" * 10
    assert (tmp_path / "x.log").read_text() == "é\n"


def test_without_backups_the_file_begins_anew(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "x.log", no_warning, max_bytes=5, backups=0)
    file.write("aaaa\n")
    file.write("bbbb\n")
    file.close()
    assert (tmp_path / "x.log").read_text() == "bbbb\n"


def test_a_file_that_cannot_be_opened_is_one_warning(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file")
    warnings: list[str] = []
    file = RotatingFile(tmp_path / "logs" / "x.log", warnings.append)
    file.write("a\n")
    file.write("b\n")
    file.close()
    assert len(warnings) == 1
    assert "no log is written to" in warnings[0]


def test_text_that_is_no_unicode(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "x.log", no_warning)
    file.write("\ud800\n")
    file.close()
    assert (tmp_path / "x.log").read_text() == "\\ud800\n"

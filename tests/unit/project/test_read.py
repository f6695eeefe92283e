from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path

import pytest

from eltbuild.errors import Problem, ProjectError
from eltbuild.project.read import digest_file, find_files, read_file, read_folders


def write(root: Path, *paths: str, text: str = "select 1") -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def found(root: Path, *folders: str, package: str = "", suffixes: tuple[str, ...] = (".sql",)) -> list[str]:
    return [file.path for file in read_folders(root, package, "shop", folders, suffixes)]


def failure(root: Path, path: str) -> str:
    with pytest.raises(ProjectError) as caught:
        read_file(root, path, "shop")
    return str(caught.value)


def test_a_file_has_its_text_and_the_digest_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_bytes("\ufeffsélect\r\n".encode())
    file = read_file(tmp_path, "a.sql", "shop")
    assert file.text == "sélect\r\n"
    assert file.digest == blake2b("\ufeffsélect\r\n".encode(), digest_size=16).hexdigest()
    assert digest_file(tmp_path, "a.sql") == file.digest
    assert (file.path, file.package, file.root) == ("a.sql", "shop", "")


def test_files_are_sorted_and_each_is_read_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        "models/b.sql",
        "models/a.sql",
        "models/sub/c.sql",
        "models/a.yml",
        "models/d.sql.jinja",
        "other/x.sql",
    )
    assert found(tmp_path, "models", "models/sub", "./models/") == ["models/a.sql", "models/b.sql", "models/sub/c.sql"]
    assert found(tmp_path, "models", suffixes=(".yml", ".yaml")) == ["models/a.yml"]
    assert found(tmp_path, "nowhere") == []


def test_the_end_of_a_name_may_be_written_in_capitals(tmp_path: Path) -> None:
    write(tmp_path, "seeds/A.CSV")
    assert found(tmp_path, "seeds", suffixes=(".csv",)) == ["seeds/A.CSV"]


def test_files_of_a_package(tmp_path: Path) -> None:
    write(tmp_path, "dbt_packages/utils/models/a.sql")
    (file,) = read_folders(tmp_path, "dbt_packages/utils", "utils", ["models"], [".sql"])
    assert file.path == "dbt_packages/utils/models/a.sql"
    assert file.original_path == "models/a.sql"


def test_hidden_files_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, "models/.a.sql", "models/#b.sql", "models/~c.sql", "models/_d.sql", "models/.git/e.sql")
    assert found(tmp_path, "models") == ["models/_d.sql"]


EVERY = ["models/a.sql", "models/b.sql", "models/x/a.sql", "models/x/c.sql", "models/x/y/d.sql"]


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        (["a.sql"], ["models/b.sql", "models/x/c.sql", "models/x/y/d.sql"]),
        (["*.sql", "!b.sql"], ["models/b.sql"]),
        (["models/x/"], ["models/a.sql", "models/b.sql"]),
        (["x/"], ["models/a.sql", "models/b.sql"]),
        (["/x/", "# models", "", "\\#b.sql"], EVERY),
        (["models/*/*.sql"], ["models/a.sql", "models/b.sql", "models/x/y/d.sql"]),
        (["models/**/d.sql"], ["models/a.sql", "models/b.sql", "models/x/a.sql", "models/x/c.sql"]),
        (["**/x/**"], ["models/a.sql", "models/b.sql"]),
        (["[ab].sql", "y"], ["models/x/c.sql"]),
        (["a.sql/"], EVERY),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", [".dbtignore", ".eltbuildignore"])
def test_ignored_files_are_left_out(tmp_path: Path, lines: list[str], left: list[str], name: str) -> None:
    write(tmp_path, *EVERY)
    (tmp_path / name).write_text("\n".join(lines) + "\n")
    assert found(tmp_path, "models") == left


def test_a_hostile_pattern_does_not_hang(tmp_path: Path) -> None:
    write(tmp_path, "models/" + "a" * 200 + ".sql")
    (tmp_path / ".dbtignore").write_text("*a" * 100 + "b\n" + "**/" * 100 + "b\n")
    assert len(found(tmp_path, "models")) == 1


def test_globs_in_folders(tmp_path: Path) -> None:
    write(tmp_path, "areas/sales/models/a.sql", "areas/hr/models/b.sql", "areas/hr/seeds/c.sql", "models/d.sql")
    assert found(tmp_path, "areas/*/models") == ["areas/hr/models/b.sql", "areas/sales/models/a.sql"]
    assert found(tmp_path, "**/seeds") == ["areas/hr/seeds/c.sql"]
    assert found(tmp_path, "m[ou]dels") == ["models/d.sql"]


def test_loops_of_links_end(tmp_path: Path) -> None:
    write(tmp_path, "models/a/x.sql")
    (tmp_path / "models/a/loop").symlink_to(tmp_path / "models", target_is_directory=True)
    (tmp_path / "models/a/again").symlink_to(tmp_path / "models/a", target_is_directory=True)
    assert found(tmp_path, "models") == ["models/a/x.sql"]
    assert found(tmp_path, "**") == ["models/a/x.sql"]


def test_folders_behind_links_are_read(tmp_path: Path) -> None:
    write(tmp_path, "shared/x.sql", "models/a.sql")
    (tmp_path / "models/shared").symlink_to(tmp_path / "shared", target_is_directory=True)
    assert found(tmp_path, "models") == ["models/a.sql", "models/shared/x.sql"]


def test_a_link_to_nowhere_is_told(tmp_path: Path) -> None:
    write(tmp_path, "models/a.sql")
    (tmp_path / "models/b.sql").symlink_to(tmp_path / "gone.sql")
    problems: list[Problem] = []
    files = read_folders(tmp_path, "", "shop", ["models"], [".sql"], problems)
    assert [file.path for file in files] == ["models/a.sql"]
    assert list(map(str, problems)) == ["models/b.sql: there is no such file"]


def test_what_is_no_text_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_bytes(b"select 1\n  \xc3\xa9\xff\n")
    assert failure(tmp_path, "a.sql").startswith("a.sql:2:4: the byte 0xff is not UTF-8")


def test_all_files_that_cannot_be_read_are_told_together(tmp_path: Path) -> None:
    write(tmp_path, "models/a.sql")
    for name in ("b", "c"):
        (tmp_path / f"models/{name}.sql").write_bytes(b"\xff")
    with pytest.raises(ProjectError) as caught:
        found(tmp_path, "models")
    assert [problem.place and problem.place.path for problem in caught.value.problems] == [
        "models/b.sql",
        "models/c.sql",
    ]


def test_pipes_and_folders_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.sql")
    assert "not a file" in failure(tmp_path, "pipe.sql")
    (tmp_path / "dir.sql").mkdir()
    assert "dir.sql" in failure(tmp_path, "dir.sql")
    assert "no such file" in failure(tmp_path, "absent.sql")
    assert "cannot be read" in failure(tmp_path, "a\0b.sql")


def test_files_that_are_too_large_are_told_but_for_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eltbuild.project.read.SIZE_LIMIT", 5)
    write(tmp_path, "a.sql", "a.csv")
    assert "larger than" in failure(tmp_path, "a.sql")
    assert read_file(tmp_path, "a.csv", "shop").text == "select 1"


def test_paths_alone(tmp_path: Path) -> None:
    write(tmp_path, "seeds/a.csv", "seeds/b.csv")
    assert find_files(tmp_path, "", ["seeds"], [".csv"]) == ("seeds/a.csv", "seeds/b.csv")

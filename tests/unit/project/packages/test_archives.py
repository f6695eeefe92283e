"""Packages in archives, and what hostile archives try."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from package_makers import install, only_entries, project, snapshot, tarball

from eltbuild.errors import ProjectError
from eltbuild.project.packages.archives import Bounds, Member, tar_members, tree_hash, write_tree


def test_tarball_with_and_without_a_folder_on_top(tmp_path: Path) -> None:
    for top in ("tools-1.0", "."):
        archive = tarball(tmp_path / "tools.tgz", "tools", top=top)
        root = project(tmp_path / "shop", {"tarball": archive.as_uri(), "name": "tools"})
        installed = install(root, upgrade=True)["tools"]
        assert (root / "dbt_packages/tools/macros/hello.sql").is_file()
        assert installed.sha256 == tree_hash(root / "dbt_packages/tools")
        assert "archive-sha256 tools" in (root / "package-lock.yml").read_text()


def test_tarball_of_another_name(tmp_path: Path) -> None:
    archive = tarball(tmp_path / "tools.tgz", "tools")
    with pytest.raises(ProjectError, match="is called `tools`, not `other`"):
        install(project(tmp_path / "shop", {"tarball": archive.as_uri(), "name": "other"}))


def hostile(place: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(place, "w:gz") as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return place


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = link
    return info


HOSTILE: Mapping[str, Sequence[tuple[tarfile.TarInfo, bytes]]] = {
    "leads out": [(entry("a/../../evil"), b"x")],
    "leads out (dots first)": [(entry("../evil"), b"x")],
    "absolute": [(entry("/tmp/evil"), b"x")],
    "link out": [(entry("a/link", tarfile.SYMTYPE, "../../.."), b"")],
    "absolute link": [(entry("link", tarfile.SYMTYPE, "/etc/passwd"), b"")],
    "through a link": [(entry("link", tarfile.SYMTYPE, ".."), b""), (entry("link/evil"), b"x")],
    "link over a folder": [(entry("a/evil"), b"x"), (entry("a", tarfile.SYMTYPE, ".."), b"")],
    "links that lead out together": [
        (entry("a/b/deep"), b"x"),
        (entry("one", tarfile.SYMTYPE, "a/b"), b""),
        (entry("two", tarfile.SYMTYPE, "one/../../../evil"), b""),
    ],
    "link to its own folder": [(entry("a/loop", tarfile.SYMTYPE, ".."), b"")],
    "hard link": [(entry("hard", tarfile.LNKTYPE, "/etc/passwd"), b"")],
    "device": [(entry("null", tarfile.CHRTYPE), b"")],
    "pipe": [(entry("pipe", tarfile.FIFOTYPE), b"")],
    "case clash": [(entry("Macros/a.sql"), b"x"), (entry("macros/a.sql"), b"y")],
    "case clash of folders": [(entry("Macros/a.sql"), b"x"), (entry("macros/b.sql"), b"y")],
    "twice": [(entry("a.sql"), b"x"), (entry("a.sql"), b"y")],
    "file as folder": [(entry("a"), b"x"), (entry("a/b"), b"y")],
    "backslash": [(entry("..\\evil"), b"x")],
    "drive": [(entry("C:evil"), b"x")],
    "newline": [(entry("a\nb"), b"x")],
    "too deep": [(entry("/".join(["d"] * 60)), b"x")],
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_archives(tmp_path: Path, kind: str) -> None:
    archive = hostile(tmp_path / "evil.tgz", (entry("dbt_project.yml"), b"name: evil\n"), *HOSTILE[kind])
    before = snapshot(tmp_path)
    root = project(tmp_path / "shop", {"tarball": archive.as_uri(), "name": "evil"})
    ours = snapshot(root)
    with pytest.raises(ProjectError, match="refused"):
        install(root)
    assert snapshot(root) == ours
    assert {k: v for k, v in snapshot(tmp_path).items() if not k.startswith("shop")} == before
    assert only_entries(root) == {"dbt_project.yml", "packages.yml"}


def test_folders_without_end(tmp_path: Path) -> None:
    """Folders are no files, but a stream of them ends too."""
    folders = hostile(tmp_path / "folders.tgz", *[(entry(f"d{n}", tarfile.DIRTYPE), b"") for n in range(200)])
    with pytest.raises(ProjectError, match="more than a package may"):
        write_tree(tar_members(folders, Bounds(files=10, bytes=1000)), tmp_path / "out", Bounds(files=10, bytes=1000))


def test_bombs_end_early(tmp_path: Path) -> None:
    archive = tmp_path / "bomb.tgz"
    with gzip.open(archive, "wb", compresslevel=1) as file:
        header = entry("zeros")
        header.size = 10**9
        file.write(header.tobuf())
        for _ in range(64):
            file.write(bytes(1 << 20))
    with pytest.raises(ProjectError, match=r"refused|not a sound tar"):
        write_tree(tar_members(archive), tmp_path / "out", Bounds(bytes=10**6))
    assert sum(p.stat().st_size for p in (tmp_path / "out").rglob("*") if p.is_file()) <= 10**6
    many = hostile(tmp_path / "many.tgz", *[(entry(f"f{n}"), b"") for n in range(30)])
    with pytest.raises(ProjectError, match="one too many"):
        write_tree(tar_members(many), tmp_path / "out2", Bounds(files=20))


@given(st.binary(max_size=2000))
def test_rubbish_is_no_archive(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    place = tmp_path_factory.mktemp("rubbish") / "x.tgz"
    for prefix in (b"", b"\x1f\x8b\x08\x00", b"BZh9"):
        place.write_bytes(prefix + data)
        try:
            members = [(member.path, b"".join(member.content)) for member in tar_members(place)]
        except ProjectError:
            continue
        assert members == []


def test_git_folders_in_archives_are_left_out(tmp_path: Path) -> None:
    write_tree([Member("a.sql", [b"x"]), Member("x/.GIT/config", [b"evil"])], tmp_path / "out")
    assert snapshot(tmp_path / "out") == {"a.sql": b"x"}


def test_truncated_archive_leaves_what_was_installed(tmp_path: Path) -> None:
    archive = tarball(tmp_path / "tools.tgz", "tools")
    root = project(tmp_path / "shop", {"tarball": archive.as_uri(), "name": "tools"})
    install(root)
    before = snapshot(root)
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(ProjectError, match="not a sound tar archive"):
        install(root, upgrade=True)
    assert snapshot(root) == before

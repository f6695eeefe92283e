"""Packages of strangers: nothing leaves their folder, no secret goes where the project does not send it."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest
from package_makers import package, project, repository
from security.shop import Shop

from eltbuild.commands.deps import deps
from eltbuild.errors import ProjectError
from eltbuild.project.packages.archives import check_links, tar_members, write_tree
from eltbuild.project.packages.origin import sent

Entry = tuple[str, str, str]


def archive(place: Path, *entries: Entry) -> Path:
    """A tar of entries: a path, `file` or `link`, and the content or the target."""
    with tarfile.open(place, "w:gz") as tar:
        for path, kind, text in entries:
            header = tarfile.TarInfo(path)
            if kind == "link":
                header.type, header.linkname = tarfile.SYMTYPE, text
                tar.addfile(header)
            else:
                header.size = len(text)
                tar.addfile(header, io.BytesIO(text.encode()))
    return place


ASTRAY = {
    "through a later link": [("p/q/x", "file", ""), ("d/y", "file", ""), ("a", "link", "p/q/b/../../etc/passwd"),
                             ("p/q/b", "link", "../../d")],
    "through a later link, deeper": [("p/q/x", "file", ""), ("d/y", "file", ""), ("p/a", "link", "q/b/../../x"),
                                     ("p/q/b", "link", "../../d")],
    "plainly": [("a", "link", "../x")],
    "through a link to a link": [("d/e/x", "file", ""), ("one", "link", "d/e"), ("two", "link", "one/../../../x")],
}  # fmt: skip


@pytest.mark.parametrize("kind", ASTRAY)
def test_no_link_leads_out_whatever_their_order(tmp_path: Path, kind: str) -> None:
    place = archive(tmp_path / "a.tgz", *ASTRAY[kind])
    out = tmp_path / "outer" / "out"
    out.mkdir(parents=True)
    with pytest.raises(ProjectError, match="leads out of the package's folder"):
        write_tree(tar_members(place), out)
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_a_link_beside_a_folder_whose_name_begins_alike_is_a_good_one(tmp_path: Path) -> None:
    place = archive(tmp_path / "a.tgz", ("ab/x", "file", "1"), ("abc/l", "link", "../ab"))
    write_tree(tar_members(place), tmp_path / "out")
    assert (tmp_path / "out/abc/l/x").read_text() == "1"


def test_links_are_looked_at_from_the_folder_that_is_installed(tmp_path: Path) -> None:
    """A link may lead anywhere within the archive, but only the one folder in it that holds the project is kept."""
    (tmp_path / "top").mkdir()
    (tmp_path / "beside").write_text("x")
    (tmp_path / "top/l").symlink_to("../beside")
    with pytest.raises(ProjectError, match="leads out"):
        check_links(tmp_path / "top")


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_a_header_without_end_does_not_fill_the_memory(tmp_path: Path, kind: bytes) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = kind, 400 << 20
    with gzip.open(tmp_path / "a.tgz", "wb", compresslevel=1) as file:
        file.write(header.tobuf(tarfile.USTAR_FORMAT))
        file.write(bytes(4 << 20))
    with pytest.raises(ProjectError, match="header that is too long"):
        write_tree(tar_members(tmp_path / "a.tgz"), tmp_path / "out")


def test_headers_of_headers_end(tmp_path: Path) -> None:
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 2
    one = header.tobuf(tarfile.GNU_FORMAT) + b"a\0".ljust(512, b"\0")
    (tmp_path / "a.tar").write_bytes(one * 5000 + bytes(1024))
    with pytest.raises(ProjectError, match="not a sound tar archive"):
        write_tree(tar_members(tmp_path / "a.tar"), tmp_path / "out")


def test_modes_of_archives_beyond_executable_are_left_out(tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.mode = 0o7777
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(header)
    write_tree(tar_members(tmp_path / "a.tar"), tmp_path / "out")
    assert (tmp_path / "out/x").stat().st_mode & 0o7022 == 0


# Wishes of packages -----------------------------------------------------------------------------------------

SECRET = "t0ken-canary"


def installed(root: Path) -> None:
    deps(root, environment={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "DBT_ENV_SECRET_T": SECRET}, vars={})


@pytest.mark.parametrize(
    "wish",
    [
        "{git: \"https://{{ env_var('DBT_ENV_SECRET_T') }}@127.0.0.1:1/x.git\", revision: v1}",
        "{git: \"https://127.0.0.1:1/{{ env_var('DBT_ENV_SECRET_T') }}.git\", revision: v1}",
        "{tarball: \"https://127.0.0.1:1/?t={{ env_var('DBT_ENV_SECRET_T') }}\", name: x}",
    ],
)
def test_a_fetched_package_sends_no_secret_to_where_the_project_sends_none(tmp_path: Path, wish: str) -> None:
    source = repository(tmp_path / "source", "thief", **{"packages.yml": f"packages:\n  - {wish}\n"})
    root = project(tmp_path / "shop", {"git": str(source), "revision": "v1"})
    with pytest.raises(ProjectError, match="`thief` would send a secret") as raised:
        installed(root)
    assert SECRET not in str(raised.value)


def test_hosts_that_see_secrets() -> None:
    secrets = frozenset({"abc", "x/y"})
    assert sent("https://abc@Git.example.org/x.git", secrets) == {("abc", "git.example.org")}
    assert sent("https://x%2Fy@git.example.org:8443/x.git", secrets) == {("x/y", "git.example.org")}
    assert sent("abc@git.example.org:org/x.git", secrets) == {("abc", "git.example.org")}
    assert sent("https://git.example.org/x.git", secrets) == frozenset()


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ("{git: /srv/private, revision: v1}", "repository on this machine"),
        ("{git: ../private, revision: v1}", "repository on this machine"),
        ("{git: 'file:///srv/private', revision: v1}", "repository on this machine"),
        ("{git: '~/private', revision: v1}", "repository on this machine"),
        ("{tarball: 'file:///srv/private.tgz', name: x}", "file of this machine"),
        ("{local: ../private}", "cannot ask for a folder"),
        ("{git: 'ext::sh -c id', revision: v1}", "remote helpers"),
        ("{git: '--upload-pack=id', revision: v1}", "must not begin with"),
        ("{git: 'https://127.0.0.1:1/x', revision: '--upload-pack=id'}", "must not begin with"),
    ],
)
def test_a_fetched_package_asks_for_nothing_of_this_machine(tmp_path: Path, wish: str, words: str) -> None:
    source = repository(tmp_path / "source", "nosy", **{"packages.yml": f"packages:\n  - {wish}\n"})
    root = project(tmp_path / "shop", {"git": str(source), "revision": "v1"})
    with pytest.raises(ProjectError, match=words):
        installed(root)


# Packages as they lie ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", ["model-paths", "macro-paths", "seed-paths", "test-paths", "docs-paths", "analysis-paths"]
)
@pytest.mark.parametrize("path", ["../..", "../../secret", "/etc", "a/../../..", "~/x"])
def test_a_package_reads_nothing_outside_of_its_folder(shop: Shop, key: str, path: str) -> None:
    shop.write(
        {"dbt_packages/pack/dbt_project.yml": f"name: pack\n{key}: ['{path}']\n", "models/a.sql": "select 1 as x"}
    )
    done = shop.call("parse")
    assert done.code == 2
    assert f"dbt_packages/pack/dbt_project.yml:2:1: `{key}: {path}` leads out of the package" in done.err


def test_links_of_a_package_that_lead_out_are_not_followed(
    shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "stolen.sql").write_text("select 'canary' as x")
    shop.write(
        {"dbt_packages/pack/dbt_project.yml": "name: pack\n", "dbt_packages/pack/models/ok.sql": "select 1 as x"}
    )
    models = shop.root / "dbt_packages/pack/models"
    (models / "file.sql").symlink_to(outside / "stolen.sql")
    (models / "folder").symlink_to(outside)
    (models / "good.sql").symlink_to("ok.sql")
    done = shop.call("ls")
    assert "canary" not in done.said
    assert "models/file.sql: this link leads out of the package" in done.err
    assert "models/folder: this link leads out of the package" in done.err
    assert "good.sql" not in done.err


def test_a_folder_of_the_users_own_may_hold_links(tmp_path: Path) -> None:
    from eltbuild.project.read import find_files

    package(tmp_path / "tools", "tools", **{"models/a.sql": "select 1"})
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/b.sql").write_text("select 2")
    (tmp_path / "tools/models/b.sql").symlink_to(tmp_path / "elsewhere/b.sql")
    (tmp_path / "shop/dbt_packages").mkdir(parents=True)
    (tmp_path / "shop/dbt_packages/tools").symlink_to(tmp_path / "tools")
    found = find_files(tmp_path / "shop", "dbt_packages/tools", ["models"], [".sql"])
    assert found == ("dbt_packages/tools/models/a.sql", "dbt_packages/tools/models/b.sql")

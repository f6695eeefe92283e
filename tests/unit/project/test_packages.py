"""Installing packages: real git repositories, real archives (hostile ones too), a kill in the middle."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from eltbuild.commands.deps import deps
from eltbuild.errors import EltbuildError, ProjectError, UsageError
from eltbuild.project.packages import Installed, installed_packages
from eltbuild.project.packages.add import edited, read_addition
from eltbuild.project.packages.archives import Bounds, Member, tar_members, tree_hash, write_tree
from eltbuild.project.packages.lockfile import wishes_digest
from eltbuild.project.packages.versions import newest, read_bounds, read_version

GIT_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_AUTHOR_NAME": "someone",
    "GIT_AUTHOR_EMAIL": "someone@example.org",
    "GIT_COMMITTER_NAME": "someone",
    "GIT_COMMITTER_EMAIL": "someone@example.org",
}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=GIT_ENVIRONMENT, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return folder


def package(folder: Path, name: str, packages: Sequence[Mapping[str, Any]] = (), **files: str) -> Path:
    """A package on disk with one macro; `packages` are what it asks for."""
    write(
        folder,
        {"dbt_project.yml": f"name: {name}\nversion: '1.0.0'\n", "macros/hello.sql": f"-- {name}\n", **files},
    )
    if packages:
        (folder / "packages.yml").write_text(yaml.safe_dump({"packages": list(packages)}), encoding="utf-8")
    return folder


def repository(folder: Path, name: str, **files: str) -> Path:
    """A git repository of one commit with the tag v1."""
    package(folder, name, **files)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder)
    git(folder, "tag", "v1")
    return folder


def commit(folder: Path, files: Mapping[str, str] | None = None) -> str:
    write(folder, files or {})
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=change")
    return git(folder, "rev-parse", "HEAD")


def tarball(place: Path, name: str, packages: Sequence[Mapping[str, Any]] = (), top: str = "top-1.0") -> Path:
    """An archive of a package under one folder, as code hosts make them."""
    folder = package(place.parent / f"{place.name}-files", name, packages)
    with tarfile.open(place, "w:gz") as tar:
        tar.add(folder, arcname=top)
    return place


def project(folder: Path, *packages: Mapping[str, Any], file: str = "packages.yml") -> Path:
    write(folder, {"dbt_project.yml": "name: shop\nversion: '1.0.0'\nprofile: shop\n"})
    (folder / file).write_text(yaml.safe_dump({"packages": list(packages)}), encoding="utf-8")
    return folder


def install(root: Path, environment: Mapping[str, str] | None = None, **options: Any) -> dict[str, Installed]:
    given = {**GIT_ENVIRONMENT, **(environment or {})}
    return {one.name: one for one in deps(root, environment=given, vars={}, **options)}


def lock(root: Path) -> Any:
    return yaml.safe_load((root / "package-lock.yml").read_text(encoding="utf-8"))


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def only_entries(root: Path) -> set[str]:
    return {entry.name for entry in root.iterdir()}


# Local folders


def test_local_package_is_linked_so_that_edits_show(tmp_path: Path) -> None:
    package(tmp_path / "tools", "tools")
    root = project(tmp_path / "shop", {"local": "../tools"})
    assert install(root)["tools"].kind == "local"
    (tmp_path / "tools/macros/hello.sql").write_text("-- edited\n")
    assert (root / "dbt_packages/tools/macros/hello.sql").read_text() == "-- edited\n"
    assert lock(root)["packages"] == [{"local": "../tools", "name": "tools"}]
    assert not os.path.isabs(os.readlink(root / "dbt_packages/tools"))


def test_nested_local_packages_are_meant_from_the_package_that_asks(tmp_path: Path) -> None:
    package(tmp_path / "libs/inner", "inner")
    package(tmp_path / "libs/outer", "outer", [{"local": "../inner"}])
    root = project(tmp_path / "shop", {"local": "../libs/outer"})
    assert list(install(root)) == ["outer", "inner"]
    assert lock(root)["packages"][1] == {"local": "../libs/inner", "name": "inner"}
    assert list(install(root)) == ["outer", "inner"]


def test_local_packages_in_a_circle(tmp_path: Path) -> None:
    package(tmp_path / "a", "a", [{"local": "../b"}])
    package(tmp_path / "b", "b", [{"local": "../a"}])
    with pytest.raises(ProjectError, match=r"in a circle: (a -> b -> a|b -> a -> b)"):
        install(project(tmp_path / "shop", {"local": "../a"}))


def test_package_called_as_the_project_itself(tmp_path: Path) -> None:
    package(tmp_path / "other", "shop")
    with pytest.raises(ProjectError, match="is called `shop`, as the project itself"):
        install(project(tmp_path / "shop", {"local": "../other"}))


def test_two_packages_of_one_name_say_who_asks(tmp_path: Path) -> None:
    package(tmp_path / "one", "tools")
    package(tmp_path / "two", "tools")
    package(tmp_path / "three", "three", [{"local": "../two"}])
    with pytest.raises(ProjectError) as caught:
        install(project(tmp_path / "shop", {"local": "../one"}, {"local": "../three"}))
    text = str(caught.value)
    assert "two packages are called `tools`" in text
    assert "../one: asked for by packages.yml" in text
    assert "../two: asked for by three" in text


def test_missing_folder_and_folder_without_project(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProjectError, match="there is no folder"):
        install(project(tmp_path / "shop", {"local": "../nowhere"}))
    with pytest.raises(ProjectError, match="holds no project"):
        install(project(tmp_path / "shop", {"local": "../empty"}))


# Git


def test_git_package_at_a_tag(tmp_path: Path) -> None:
    source = repository(tmp_path / "tools", "tools")
    first = git(source, "rev-parse", "HEAD")
    commit(source, {"macros/hello.sql": "-- newer\n"})
    root = project(tmp_path / "shop", {"git": str(source), "revision": "v1"})
    installed = install(root)["tools"]
    assert installed.version == first
    assert (root / "dbt_packages/tools/macros/hello.sql").read_text() == "-- tools\n"
    assert not (root / "dbt_packages/tools/.git").exists()
    assert lock(root)["packages"] == [{"git": str(source), "name": "tools", "revision": first}]
    assert installed.sha256 == tree_hash(root / "dbt_packages/tools")
    assert installed.sha256 in (root / "package-lock.yml").read_text()
    assert only_entries(root) == {"dbt_project.yml", "packages.yml", "package-lock.yml", "dbt_packages"}


@pytest.mark.parametrize("revision", ["main", "{full}", "{short}", "side"])
def test_git_revisions(tmp_path: Path, revision: str) -> None:
    source = repository(tmp_path / "tools", "tools")
    git(source, "branch", "side")
    wanted = commit(source, {"macros/hello.sql": "-- wanted\n"})
    if revision.startswith("{"):
        commit(source, {"macros/hello.sql": "-- newest\n"})
        wanted_text = "-- wanted\n"
    else:
        wanted_text = "-- tools\n" if revision == "side" else "-- wanted\n"
    root = project(tmp_path / "shop", {"git": str(source), "revision": revision.format(full=wanted, short=wanted[:9])})
    install(root)
    assert (root / "dbt_packages/tools/macros/hello.sql").read_text() == wanted_text


def test_git_subdirectory_and_executable_and_link(tmp_path: Path) -> None:
    source = repository(tmp_path / "mono", "mono")
    package(source / "libs/tools", "tools")
    (source / "libs/tools/run.sh").write_text("#!/bin/sh\n")
    (source / "libs/tools/run.sh").chmod(0o755)
    (source / "libs/tools/also.sh").symlink_to("run.sh")
    commit(source)
    root = project(tmp_path / "shop", {"git": str(source), "subdirectory": "libs/tools", "revision": "main"})
    install(root)
    assert os.access(root / "dbt_packages/tools/run.sh", os.X_OK)
    assert os.readlink(root / "dbt_packages/tools/also.sh") == "run.sh"
    with pytest.raises(ProjectError, match="there is no folder `libs/none` in commit"):
        install(project(tmp_path / "shop", {"git": str(source), "subdirectory": "libs/none"}))


def test_unpinned_git_package_warns_unless_told_not_to(tmp_path: Path) -> None:
    source = repository(tmp_path / "tools", "tools")
    root = project(tmp_path / "shop", {"git": str(source)})
    (note,) = install(root)["tools"].notes
    assert note.severity == "warning"
    assert note.name == "DepsUnpinned"
    root = project(tmp_path / "shop", {"git": str(source), "warn-unpinned": False})
    assert install(root)["tools"].notes == ()


def test_two_revisions_of_one_repository_exclude_each_other(tmp_path: Path) -> None:
    source = repository(tmp_path / "tools", "tools")
    package(tmp_path / "mart", "mart", [{"git": f"{source}.git", "revision": "v2"}])
    root = project(tmp_path / "shop", {"git": str(source), "revision": "v1"}, {"local": "../mart"})
    with pytest.raises(ProjectError) as caught:
        install(root)
    assert "asked for in different revisions" in str(caught.value)
    assert "revision v1: asked for by packages.yml" in str(caught.value)
    assert "revision v2: asked for by mart" in str(caught.value)


def test_hooks_filters_and_submodules_of_a_repository_do_nothing(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    source = repository(tmp_path / "tools", "tools")
    repository(tmp_path / "other", "other")
    git(
        source,
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "add",
        "--quiet",
        str(tmp_path / "other"),
        "sub",
    )
    commit(source, {".gitattributes": "*.sql filter=evil\n"})
    home = write(tmp_path / "home", {".gitconfig": f'[filter "evil"]\n\tsmudge = touch {proof}\n'})
    hook = source / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {proof}\n")
    hook.chmod(0o755)
    root = project(tmp_path / "shop", {"git": str(source), "revision": "main"})
    install(root, {"HOME": str(home)})
    assert not proof.exists()
    assert not (root / "dbt_packages/tools/sub").exists()


@pytest.mark.parametrize(
    "address",
    ["ext::sh -c touch% {proof}", "--upload-pack=touch {proof}", "fd::17", "EXT::sh -c touch% {proof}"],
)
def test_addresses_that_would_run_programs(tmp_path: Path, address: str) -> None:
    proof = tmp_path / "proof"
    root = project(tmp_path / "shop", {"git": address.format(proof=proof), "revision": "v1"})
    with pytest.raises(ProjectError):
        install(root)
    assert not proof.exists()
    assert not (root / "dbt_packages").exists()


@pytest.mark.parametrize("revision", ["--upload-pack=x", "a:b", "v1 v2", "..", "+main", "v1^{tree}"])
def test_revisions_that_are_none(tmp_path: Path, revision: str) -> None:
    with pytest.raises(ProjectError, match="revision"):
        install(project(tmp_path / "shop", {"git": "/nowhere", "revision": revision}))


def test_git_never_asks_for_a_password(tmp_path: Path) -> None:
    """A server that wants credentials fails at once, with no terminal asked and no program started."""
    import http.server
    import threading

    class Wants(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic realm=x")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Wants)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/tools.git"
        root = project(tmp_path / "shop", {"git": address, "revision": "v1"})
        began = time.monotonic()
        with pytest.raises(ProjectError, match=r"tools\.git"):
            install(root)
        assert time.monotonic() - began < 20
    finally:
        server.shutdown()
        server.server_close()


def test_git_missing(tmp_path: Path) -> None:
    root = project(tmp_path / "shop", {"git": "/nowhere", "revision": "v1"})
    with pytest.raises(ProjectError, match="program `git`, which is not on the PATH"):
        install(root, {"PATH": str(tmp_path)})


def test_repository_that_does_not_exist(tmp_path: Path) -> None:
    root = project(tmp_path / "shop", {"git": str(tmp_path / "nowhere"), "revision": "v1"})
    with pytest.raises(ProjectError, match=r"packages\.yml:.*nowhere"):
        install(root)


def test_secrets_stay_out_of_errors_lock_and_results(tmp_path: Path) -> None:
    source = repository(tmp_path / "s3cr3t-token", "tools")
    entry = {"git": "{{ env_var('DBT_ENV_SECRET_PLACE') }}", "revision": "v1"}
    root = project(tmp_path / "shop", entry)
    installed = install(root, {"DBT_ENV_SECRET_PLACE": str(source)})
    text = (root / "package-lock.yml").read_text()
    assert "s3cr3t" not in text + repr(installed)
    assert lock(root)["packages"][0]["git"] == entry["git"]
    assert install(root, {"DBT_ENV_SECRET_PLACE": str(source)})["tools"].fetched is False
    for bad in (str(source) + "-gone", "https://u:s3cr3t@127.0.0.1:1/x"):
        (root / "package-lock.yml").unlink(missing_ok=True)
        with pytest.raises(ProjectError) as caught:
            install(root, {"DBT_ENV_SECRET_PLACE": bad})
        assert "s3cr3t" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


# Archives


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


# The index


def hub(folder: Path, packages: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]) -> dict[str, str]:
    """An index in a folder (package, version, what that version asks for), and the variable naming it."""
    for name, versions in packages.items():
        listing = {}
        for version, wishes in versions.items():
            short = name.split("/")[1]
            archive = folder / f"{short}-{version}.tgz"
            folder.mkdir(exist_ok=True)
            files = package(folder / f"{archive.name}-files", short, wishes, VERSION=version)
            with tarfile.open(archive, "w:gz") as tar:
                tar.add(files, arcname=f"{short}-{version}")
            listing[version] = {
                "name": short,
                "version": version,
                "packages": list(wishes),
                "downloads": {"tarball": f"../../../{archive.name}"},
            }
        write(folder, {f"api/v1/{name}.json": json.dumps({"name": name, "versions": listing})})
    return {"ELTBUILD_PACKAGE_HUB_URL": folder.as_uri()}


def version_of(root: Path, name: str) -> str:
    return (root / "dbt_packages" / name / "VERSION").read_text()


def test_hub_takes_the_newest_version_that_suits(tmp_path: Path) -> None:
    environment = hub(
        tmp_path / "hub", {"org/tools": {v: [] for v in ("1.0.0", "1.10.0", "1.9.0", "2.0.0-b1", "2.0.0")}}
    )
    cases = {
        "1.9.0": "1.9.0",
        "<2.0.0": "1.10.0",
        ">=1.0.0,<1.10.0": "1.9.0",
        "2.0.0-b1": "2.0.0-b1",
        ">0.1": "2.0.0",
    }
    for asked, expected in cases.items():
        root = project(tmp_path / "shop", {"package": "org/tools", "version": asked})
        assert install(root, environment)["tools"].version == expected
        assert version_of(root, "tools") == expected
    root = project(tmp_path / "shop", {"package": "org/tools", "version": [">=1.0.0", "<1.10.0"]})
    assert install(root, environment)["tools"].version == "1.9.0"
    assert lock(root)["packages"] == [{"name": "tools", "package": "org/tools", "version": "1.9.0"}]


def test_nested_wishes_narrow_the_choice_and_take_theirs_back(tmp_path: Path) -> None:
    tools = [{"package": "org/tools", "version": [">=1.0.0", "<2.0.0"]}]
    environment = hub(
        tmp_path / "hub",
        {
            "org/tools": {"1.0.0": [], "1.5.0": [{"package": "org/extra", "version": "1.0.0"}], "2.0.0": []},
            "org/extra": {"1.0.0": []},
            "org/mart": {"1.0.0": [{"package": "org/tools", "version": "<1.5.0"}]},
            "org/dates": {"1.0.0": tools},
        },
    )
    dates, mart = {"package": "org/dates", "version": "1.0.0"}, {"package": "org/mart", "version": "1.0.0"}
    assert set(install(project(tmp_path / "one", dates), environment)) == {"dates", "tools", "extra"}
    assert set(install(project(tmp_path / "two", dates, mart), environment)) == {"dates", "mart", "tools"}
    assert version_of(tmp_path / "two", "tools") == "1.0.0"
    newer = {"package": "org/tools", "version": ">=2.0.0"}
    with pytest.raises(ProjectError) as caught:
        install(project(tmp_path / "three", newer, dates), environment)
    text = str(caught.value)
    assert "`org/tools` is asked for in versions that exclude each other" in text
    assert ">=2.0.0: asked for by packages.yml" in text
    assert ">=1.0.0, <2.0.0: asked for by dates" in text
    assert "published: 2.0.0, 1.5.0, 1.0.0" in text


def test_hub_errors(tmp_path: Path) -> None:
    environment = hub(tmp_path / "hub", {"org/tools": {"1.0.0": []}})
    with pytest.raises(ProjectError, match="`org/none` is not in the index"):
        install(project(tmp_path / "a", {"package": "org/none", "version": "1.0.0"}), environment)
    with pytest.raises(ProjectError, match="has no such version"):
        install(project(tmp_path / "b", {"package": "org/tools", "version": "3.0.0"}), environment)
    unreachable = {"DBT_PACKAGE_HUB_URL": "http://127.0.0.1:1/"}
    with pytest.raises(ProjectError, match="cannot reach") as caught:
        install(project(tmp_path / "c", {"package": "org/tools", "version": "1.0.0"}), unreachable)
    assert "ELTBUILD_PACKAGE_HUB_URL" in str(caught.value)


def test_packages_from_an_index_cannot_read_secrets_nor_folders(tmp_path: Path) -> None:
    thief = [{"git": "https://127.0.0.1:1/{{ env_var('DBT_ENV_SECRET_TOKEN') }}", "revision": "v1"}]
    climber = [{"local": "../../../etc"}]
    environment = hub(tmp_path / "hub", {"org/thief": {"1.0.0": thief}, "org/climber": {"1.0.0": climber}})
    for name in ("thief", "climber"):
        root = project(tmp_path / name, {"package": f"org/{name}", "version": "1.0.0"})
        with pytest.raises(EltbuildError) as caught:
            install(root, {**environment, "DBT_ENV_SECRET_TOKEN": "t0k3n"})
        assert "t0k3n" not in str(caught.value)
        assert "127.0.0.1" not in str(caught.value)


def test_hub_over_http_with_a_redirect_to_a_file(tmp_path: Path) -> None:
    import http.server
    import threading

    (tmp_path / "served").mkdir()
    hub(tmp_path / "served", {"org/tools": {"1.0.0": []}})
    seen: list[str | None] = []

    class Serves(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(tmp_path / "served"))

        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization"))
            if "evil" in self.path:
                self.send_response(302)
                self.send_header("Location", (tmp_path / "shop/dbt_project.yml").as_uri())
                self.end_headers()
                return
            super().do_GET()

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Serves)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://user:pa55@127.0.0.1:{server.server_port}"
        environment = {"ELTBUILD_PACKAGE_HUB_URL": address}
        root = project(tmp_path / "shop", {"package": "org/tools", "version": "1.0.0"})
        assert install(root, environment)["tools"].version == "1.0.0"
        assert set(seen) == {"Basic dXNlcjpwYTU1"}
        root = project(tmp_path / "shop", {"tarball": f"{address}/evil", "name": "evil"})
        with pytest.raises(ProjectError) as caught:
            install(root, environment)
        assert "pa55" not in str(caught.value)
        root = project(tmp_path / "shop", {"tarball": f"{address}/none", "name": "none"})
        with pytest.raises(ProjectError, match="answers 404"):
            install(root, environment)
    finally:
        server.shutdown()
        server.server_close()


# The lock


def test_lock_decides_until_upgrade(tmp_path: Path) -> None:
    index = tmp_path / "hub"
    environment = hub(index, {"org/tools": {"1.0.0": []}})
    root = project(tmp_path / "shop", {"package": "org/tools", "version": ">=1.0.0"})
    install(root, environment)
    hub(index, {"org/tools": {"1.0.0": [], "1.1.0": []}})
    assert install(root, environment)["tools"].version == "1.0.0"
    assert install(root, environment, upgrade=True)["tools"].version == "1.1.0"
    (root / "packages.yml").write_text("packages:\n- {package: org/tools, version: '<1.1.0'}\n")
    assert install(root, environment)["tools"].version == "1.0.0"


def test_unchanged_packages_need_no_source(tmp_path: Path) -> None:
    archive = tarball(tmp_path / "tools.tgz", "tools")
    root = project(tmp_path / "shop", {"tarball": archive.as_uri(), "name": "tools"})
    assert install(root)["tools"].fetched is True
    archive.unlink()
    before = snapshot(root)
    assert install(root)["tools"].fetched is False
    assert snapshot(root) == before
    (root / "dbt_packages/tools/macros/hello.sql").write_text("-- tampered\n")
    with pytest.raises(ProjectError, match="does not exist"):
        install(root)


def test_content_that_differs_from_the_lock_is_refused(tmp_path: Path) -> None:
    archive = tarball(tmp_path / "tools.tgz", "tools")
    root = project(tmp_path / "shop", {"tarball": archive.as_uri(), "name": "tools"})
    install(root)
    (tmp_path / "tools.tgz-files/macros/hello.sql").write_text("-- somebody else's\n")
    tarball_again = tmp_path / "tools.tgz-files"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tarball_again, arcname="top")
    before = snapshot(root)
    assert install(root)["tools"].fetched is False
    import shutil

    shutil.rmtree(root / "dbt_packages")
    with pytest.raises(ProjectError) as caught:
        install(root)
    assert "`tools`" in str(caught.value)
    assert "does not hold what was locked" in str(caught.value)
    assert "deps --upgrade" in str(caught.value)
    assert not (root / "dbt_packages").exists()
    install(root, upgrade=True)
    assert snapshot(root)["dbt_packages/tools/macros/hello.sql"] != before["dbt_packages/tools/macros/hello.sql"]


def test_lock_without_hashes_gets_them(tmp_path: Path) -> None:
    source = repository(tmp_path / "tools", "tools")
    root = project(tmp_path / "shop", {"git": str(source), "revision": "v1"})
    install(root)
    place = root / "package-lock.yml"
    whole = place.read_text()
    place.write_text("".join(line for line in whole.splitlines(True) if not line.startswith("#")))
    install(root)
    assert place.read_text() == whole


def test_digest_is_that_of_dbt() -> None:
    """Measured: what dbt 1.12 writes as `sha1_hash` for this list."""
    entries = [
        {"local": "../lp"},
        {"git": "/tmp/probe/gp", "revision": "v1.0"},
        {"git": "/tmp/probe/gp", "subdirectory": "sub", "revision": "1.1"},
        {"tarball": "http://127.0.0.1:8123/tp.tgz", "name": "tarpkg"},
        {"package": "org/hubpkg", "version": [">=0.9.0", "<2.0.0"]},
    ]
    assert wishes_digest(entries, entries) == "9a7af24a75d55bb0ef2927e4faf3390913368830"


@pytest.mark.parametrize(
    "text",
    [
        "packages: 1",
        "- 1",
        "packages:\n- {local: ../tools, name: ../../evil}",
        "packages:\n- {local: ../tools}",
        "<<<<<<< ours\npackages: []\n=======\n",
        "packages:\n- {git: --upload-pack=x, name: tools}",
    ],
)
def test_broken_locks(tmp_path: Path, text: str) -> None:
    package(tmp_path / "tools", "tools")
    root = project(tmp_path / "shop", {"local": "../tools"})
    install(root)
    digest = lock(root)["sha1_hash"]
    write(root, {"package-lock.yml": f"{text}\nsha1_hash: {digest}\n"})
    with pytest.raises(ProjectError, match=r"package-lock\.yml"):
        install(root)
    assert list(install(root, upgrade=True)) == ["tools"]


def test_lock_only_installs_nothing(tmp_path: Path) -> None:
    package(tmp_path / "tools", "tools")
    root = project(tmp_path / "shop", {"local": "../tools"})
    install(root, lock_only=True)
    assert lock(root)["packages"][0]["name"] == "tools"
    assert not (root / "dbt_packages").exists()


# The lists


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([{"private": "org/repo", "provider": "github"}], "use `git:`"),
        ([{"packge": "org/tools", "version": "1.0.0"}], "did you mean `package`"),
        ([{"package": "tools", "version": "1.0.0"}], "organization/name"),
        ([{"package": "../../x/y", "version": "1.0.0"}], "organization/name"),
        ([{"package": "org/tools"}], "has no version"),
        ([{"package": "org/tools", "version": "newest"}], "newest"),
        ([{"git": "x", "revision": 1.0}], "in quotes"),
        ([{"git": "x", "subdirectory": "../.."}], "not a folder inside"),
        ([{"git": "x", "local": "y"}], "git and local"),
        ([{"tarball": "ftp://x/y.tgz", "name": "y"}], "https://"),
        ([{"tarball": "https://x/y.tgz"}], "`name:` has no value"),
        (["org/tools"], "must be a mapping"),
        ([{"private": "a/b"}, {"git": "-x"}], "package 2"),
    ],
)
def test_wishes_that_are_wrong(tmp_path: Path, entries: list[Any], said: str) -> None:
    with pytest.raises(ProjectError, match=r"packages\.yml.*: package 1") as caught:
        install(project(tmp_path / "shop", *entries))
    assert said in str(caught.value)


def test_packages_in_both_files(tmp_path: Path) -> None:
    root = project(tmp_path / "shop")
    project(root, file="dependencies.yml")
    with pytest.raises(ProjectError, match="in both"):
        install(root)


def test_dependencies_file_is_not_rendered(tmp_path: Path) -> None:
    root = project(tmp_path / "shop", {"local": "{{ env_var('PLACE') }}"}, file="dependencies.yml")
    with pytest.raises(ProjectError, match=r"no folder .*env_var"):
        install(root, {"PLACE": "../tools"})
    package(tmp_path / "tools", "tools")
    project(root, {"local": "../tools"}, file="dependencies.yml")
    assert list(install(root)) == ["tools"]


def test_no_list_touches_nothing_and_an_empty_list_empties(tmp_path: Path) -> None:
    package(tmp_path / "tools", "tools")
    root = project(tmp_path / "shop", {"local": "../tools"})
    install(root)
    (root / "packages.yml").write_text("# nothing\n")
    assert install(root) == {}
    assert installed_packages(root, "dbt_packages") == ("dbt_packages/tools",)
    (root / "packages.yml").write_text("packages: []\n")
    assert install(root) == {}
    assert installed_packages(root, "dbt_packages") == ()


def test_installed_packages_are_what_lies_there(tmp_path: Path) -> None:
    assert installed_packages(tmp_path, "dbt_packages") == ()
    package(tmp_path / "dbt_packages/b", "b")
    package(tmp_path / "dbt_packages/a", "a")
    write(tmp_path / "dbt_packages", {"README": "", "not_a_package/x": "", ".hidden/dbt_project.yml": "name: x"})
    (tmp_path / "dbt_packages/gone").symlink_to("nowhere")
    assert installed_packages(tmp_path, "dbt_packages") == ("dbt_packages/a", "dbt_packages/b")


@pytest.mark.parametrize("path", [".", "..", "models"])
def test_packages_never_replace_other_folders(tmp_path: Path, path: str) -> None:
    package(tmp_path / "tools", "tools")
    root = project(tmp_path / "shop", {"local": "../tools"})
    write(root, {"models/a.sql": "select 1", "dbt_project.yml": f"name: shop\npackages-install-path: {path}\n"})
    before = snapshot(root)
    with pytest.raises(UsageError):
        install(root)
    assert snapshot(root) == before


# Adding


def test_adding_keeps_comments_and_replaces_the_same_package(tmp_path: Path) -> None:
    environment = hub(tmp_path / "hub", {"org/tools": {"1.0.0": [], "2.0.0": []}, "org/dates": {"1.0.0": []}})
    root = project(tmp_path / "shop")
    (root / "packages.yml").write_text(
        "# ours\npackages:\n  # utilities\n  - package: org/tools\n    version: 1.0.0  # old\n\n  # the end\n"
    )
    assert set(install(root, environment, add="org/dates@1.0.0")) == {"tools", "dates"}
    assert (root / "packages.yml").read_text() == (
        "# ours\npackages:\n  # utilities\n  - package: org/tools\n    version: 1.0.0  # old\n"
        "  - package: org/dates\n    version: 1.0.0\n\n  # the end\n"
    )
    install(root, environment, add="org/tools@>=2.0.0,<3.0.0")
    assert version_of(root, "tools") == "2.0.0"
    assert (root / "packages.yml").read_text() == (
        "# ours\npackages:\n  # utilities\n  - package: org/tools\n    version: ['>=2.0.0', <3.0.0]\n"
        "  - package: org/dates\n    version: 1.0.0\n\n  # the end\n"
    )


def test_adding_what_cannot_be_installed_leaves_the_list(tmp_path: Path) -> None:
    environment = hub(tmp_path / "hub", {"org/tools": {"1.0.0": []}})
    root = project(tmp_path / "shop", {"package": "org/tools", "version": "1.0.0"})
    before = snapshot(root)
    with pytest.raises(ProjectError):
        install(root, environment, add="org/none@1.0.0")
    assert snapshot(root) == before


def test_adding_creates_the_file(tmp_path: Path) -> None:
    package(tmp_path / "tools", "tools")
    root = write(tmp_path / "shop", {"dbt_project.yml": "name: shop\nversion: '1'\n"})
    install(root, add="../tools")
    assert (root / "packages.yml").read_text() == "packages:\n  - local: ../tools\n"


@pytest.mark.parametrize(
    "text", ["", "packages:\n", "packages: []\n", "x: 1\n", "packages: # none\n", "packages:\n- local: a"]
)
def test_edited_lists_hold_one_more(text: str) -> None:
    result = edited(text, {"package": "org/tools", "version": "1.0.0"}, "packages.yml")
    assert yaml.safe_load(result)["packages"][-1] == {"package": "org/tools", "version": "1.0.0"}


def test_lists_that_only_a_person_can_edit() -> None:
    with pytest.raises(ProjectError, match="by hand"):
        edited("packages: [{local: a}]\n", {"local": "b"}, "packages.yml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("org/tools@1.0.0", {"package": "org/tools", "version": "1.0.0"}),
        ("org/tools@>=1.0.0, <2", {"package": "org/tools", "version": [">=1.0.0", "<2"]}),
        ("https://host/org/tools.git@v1", {"git": "https://host/org/tools.git", "revision": "v1"}),
        ("https://token@host/org/tools.git", {"git": "https://token@host/org/tools.git"}),
        ("git@host:org/tools.git@v1.2", {"git": "git@host:org/tools.git", "revision": "v1.2"}),
        ("https://host/org/tools@main", {"git": "https://host/org/tools", "revision": "main"}),
        ("../tools", {"local": "../tools"}),
    ],
)
def test_additions(text: str, expected: Mapping[str, Any]) -> None:
    assert read_addition(text) == expected


def test_additions_whose_looks_deceive() -> None:
    assert read_addition("org/tools@v1", "local") == {"local": "org/tools@v1"}
    assert read_addition("/srv/tools", "git") == {"git": "/srv/tools"}


@pytest.mark.parametrize("text", ["org/tools", "tools", "--x"])
def test_additions_that_are_none(text: str) -> None:
    with pytest.raises(UsageError):
        read_addition(text)


# In one step


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
            with pytest.raises(UsageError, match="another"):
                install(root)
            child.send_signal(signal.SIGKILL)
            child.wait(timeout=30)
    finally:
        child.kill()
        child.wait()
    assert snapshot(root / "dbt_packages") == before
    assert any(name.startswith(".eltbuild-packages-") for name in only_entries(root))
    project(root, {"tarball": first.as_uri(), "name": "first"})
    install(root, upgrade=True)
    assert snapshot(root / "dbt_packages") == before
    assert only_entries(root) == {"dbt_project.yml", "packages.yml", "package-lock.yml", "dbt_packages"}


def test_a_reader_never_misses_the_packages(tmp_path: Path) -> None:
    """While installs replace the folder over and over, a reader finds one whole version of it each time."""
    import threading

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


# Versions


def test_order_of_versions() -> None:
    texts = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
    ]
    keys = [read_version(text).key for text in texts]
    assert keys == sorted(keys)


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1), st.tuples(*[st.integers(0, 3)] * 3))
def test_newest_is_the_greatest_that_a_bound_allows(
    numbers: list[tuple[int, int, int]], bound: tuple[int, int, int]
) -> None:
    versions = [read_version(".".join(map(str, one))) for one in numbers]
    text = ".".join(map(str, bound))
    found = newest(read_bounds([f"<={text}"]), versions, prereleases=False)
    fitting = [one for one in numbers if one <= bound]
    assert (found.numbers if found else None) == max(fitting, default=None)


@pytest.mark.parametrize("text", ["1", "1.0", "one", "", "1.0.0.0", ">=", "~1.0.0", "1" * 500, "1.0.0" + "-a" * 500])
def test_versions_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a version|`"):
        read_version(text)

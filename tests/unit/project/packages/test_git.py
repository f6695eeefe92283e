"""Packages in git repositories: real ones, hostile ones too."""

from __future__ import annotations

import http.server
import os
import shutil
import threading
import time
from pathlib import Path

import pytest
from package_makers import commit, git, install, lock, only_entries, package, project, repository, write

from eltbuild.errors import ProjectError
from eltbuild.project.packages.archives import tree_hash


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


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ({"private": "acme/tools"}, "git@github.com:acme/tools.git"),
        ({"private": "acme/sub/tools", "provider": "gitlab"}, "git@gitlab.com:acme/sub/tools.git"),
        ({"private": "acme/data/tools", "provider": "azure_devops"}, "git@ssh.dev.azure.com:v3/acme/data/tools"),
    ],
)
def test_private_packages_come_by_ssh(tmp_path: Path, entry: dict[str, str], address: str) -> None:
    source = repository(tmp_path / "tools", "tools")
    # As people do who have another way to the same repository.
    write(tmp_path, {".gitconfig": f'[url "file://{source}"]\n  insteadOf = {address}\n'})
    root = project(tmp_path / "shop", {**entry, "revision": "v1"})
    installed = install(root, {"HOME": str(tmp_path)})
    assert set(installed) == {"tools"}
    assert lock(root)["packages"] == [{**entry, "name": "tools", "revision": git(source, "rev-parse", "HEAD")}]
    shutil.rmtree(root / "dbt_packages")
    assert set(install(root, {"HOME": str(tmp_path)})) == {"tools"}
    assert (root / "dbt_packages/tools/dbt_project.yml").is_file()


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


def test_address_that_a_setting_of_git_turns_into_a_program(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    setting = f'[url "ext::sh -c touch% {proof}% "]\n\tinsteadOf = https://harmless.example/\n'
    home = write(tmp_path / "home", {".gitconfig": setting})
    root = project(tmp_path / "shop", {"git": "https://harmless.example/tools", "revision": "v1"})
    with pytest.raises(ProjectError, match="transport 'ext' not allowed"):
        install(root, {"HOME": str(home)})
    assert not proof.exists()


@pytest.mark.parametrize("revision", ["--upload-pack=x", "a:b", "v1 v2", "..", "+main", "v1^{tree}"])
def test_revisions_that_are_none(tmp_path: Path, revision: str) -> None:
    with pytest.raises(ProjectError, match="revision"):
        install(project(tmp_path / "shop", {"git": "/nowhere", "revision": revision}))


def test_git_never_asks_for_a_password(tmp_path: Path) -> None:
    """A server that wants credentials fails at once, with no terminal asked and no program started."""

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
    with pytest.raises(ProjectError, match="does not appear to be a git repository"):
        install(project(tmp_path / "other", entry), {"DBT_ENV_SECRET_PLACE": str(source) + "-gone"})
    for bad in (str(source) + "-gone", "https://u:s3cr3t@127.0.0.1:1/x"):
        (root / "package-lock.yml").unlink(missing_ok=True)
        with pytest.raises(ProjectError) as caught:
            install(root, {"DBT_ENV_SECRET_PLACE": bad})
        assert "s3cr3t" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__

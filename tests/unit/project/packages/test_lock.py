"""The lock file decides, and refuses what changed."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest
from package_makers import hub, install, lock, package, project, repository, snapshot, tarball, write

from eltbuild.errors import ProjectError
from eltbuild.project.packages.lockfile import wishes_digest


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
        {"local": "../tools"},
        {"git": "https://example.org/calendar.git", "revision": "v1.0"},
        {
            "git": "https://example.org/mono.git",
            "subdirectory": "libs/dates",
            "revision": "1.1",
            "warn-unpinned": False,
        },
        {"tarball": "https://example.org/tools.tgz", "name": "tools"},
        {"package": "org/helpers", "version": [">=0.9.0", "<2.0.0"]},
        {"package": "org/more", "version": "1.0.0", "install_prerelease": True},
    ]
    assert wishes_digest(entries, entries) == "4186d8df175554ad7861168b8282256ec50b6821"
    private = [{"private": "acme/tools", "revision": "v1"}]
    assert wishes_digest(private, private) == "fa6428a6b74c9218cbb74546f9eda6d651abd6a2"


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


def test_lock_that_calls_a_package_otherwise(tmp_path: Path) -> None:
    package(tmp_path / "tools", "tools")
    root = project(tmp_path / "shop", {"local": "../tools"})
    install(root)
    place = root / "package-lock.yml"
    place.write_text(place.read_text().replace("name: tools", "name: spoons"))
    with pytest.raises(ProjectError, match="is called `tools`, not `spoons`"):
        install(root)


def test_lock_only_installs_nothing(tmp_path: Path) -> None:
    package(tmp_path / "tools", "tools")
    root = project(tmp_path / "shop", {"local": "../tools"})
    install(root, lock_only=True)
    assert lock(root)["packages"][0]["name"] == "tools"
    assert not (root / "dbt_packages").exists()

"""Packages by name, from an index."""

from __future__ import annotations

import http.server
import json
import threading
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from package_makers import hub, install, lock, package, project, version_of

from eltbuild.errors import EltbuildError, ProjectError


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
    prereleases = {"package": "org/tools", "version": "<2.0.0", "install-prerelease": True}
    assert install(project(tmp_path / "shop", prereleases), environment)["tools"].version == "1.10.0"
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
    climber = [{"local": str(package(tmp_path / "private", "private"))}]
    environment = hub(tmp_path / "hub", {"org/thief": {"1.0.0": thief}, "org/climber": {"1.0.0": climber}})
    # An index need not repeat what the package's own list says; then that list is read.
    silent = hub(tmp_path / "silent", {"org/thief": {"1.0.0": thief}, "org/climber": {"1.0.0": climber}})
    for place in (tmp_path / "silent/api/v1/org").iterdir():
        listing = json.loads(place.read_text())
        del listing["versions"]["1.0.0"]["packages"]
        place.write_text(json.dumps(listing))
    for name, index in product(("thief", "climber"), (environment, silent)):
        root = project(tmp_path / name, {"package": f"org/{name}", "version": "1.0.0"})
        with pytest.raises(EltbuildError) as caught:
            install(root, {**index, "DBT_ENV_SECRET_TOKEN": "t0k3n"})
        assert "t0k3n" not in str(caught.value)
        assert "127.0.0.1" not in str(caught.value)


def test_hub_over_http_with_a_redirect_to_a_file(tmp_path: Path) -> None:

    (tmp_path / "served").mkdir()
    hub(tmp_path / "served", {"org/tools": {"1.0.0": []}})
    seen: list[str | None] = []

    class Serves(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(tmp_path / "served"))

        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization"))
            if self.path.startswith("/moved/"):
                self.send_response(302)
                self.send_header("Location", f"http://localhost:{server.server_port}/{self.path[7:]}")
                self.end_headers()
                return
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
        seen.clear()
        root = project(tmp_path / "shop", {"tarball": f"{address}/moved/tools-1.0.0.tgz", "name": "tools"})
        assert install(root, environment)["tools"].kind == "tarball"
        assert seen == ["Basic dXNlcjpwYTU1", None], "a password does not follow a redirect"
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

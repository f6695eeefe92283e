"""`docs serve`: which files are given to whom, and the page where there is none."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from eltbuild.commands.serve import server
from eltbuild.report.docs_page import page

MANIFEST = {
    "metadata": {"project_name": "shop"},
    "nodes": {
        "model.shop.a": {
            "unique_id": "model.shop.a", "resource_type": "model", "name": "a<b>", "description": "<script>x</script>",
            "columns": {"id": {"name": "id", "description": "The & key"}}, "config": {"materialized": "view"},
        }
    },
}  # fmt: skip
CATALOG = {"nodes": {"model.shop.a": {"columns": {"ID": {"name": "ID", "type": "INTEGER"}}}}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    (tmp_path / "target/manifest.json").write_text(json.dumps(MANIFEST))
    (tmp_path / "target/catalog.json").write_text(json.dumps(CATALOG))
    (tmp_path / "target/secret.txt").write_text("secret")
    (tmp_path / "profiles.yml").write_text("secret")
    return tmp_path / "target"


@pytest.fixture
def port(folder: Path) -> Iterator[int]:
    with server(folder, "127.0.0.1", 0) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made.server_address[1]
        made.shutdown()


def ask(port: int, path: str, method: str = "GET", host: str | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.putrequest(method, path, skip_host=host is not None)
        if host is not None:
            connection.putheader("Host", host)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_artifacts_and_the_page(port: int) -> None:
    assert ask(port, "/manifest.json?cb=1") == (200, json.dumps(MANIFEST).encode())
    status, text = ask(port, "/")
    assert status == 200
    assert b"shop" in text
    assert ask(port, "/index.html") == (200, text)
    assert ask(port, "/manifest.json", "HEAD") == (200, b"")


@pytest.mark.parametrize(
    "path",
    ["/secret.txt", "/../profiles.yml", "/%2e%2e/profiles.yml", "/target/manifest.json", "//manifest.json/x", "/run_results.json",
     "/.", "/manifest.json/", "/C:/x"],
)  # fmt: skip
def test_nothing_else_is_given(port: int, path: str) -> None:
    assert ask(port, path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_but_reading_is_answered(port: int, method: str) -> None:
    assert ask(port, "/manifest.json", method)[0] == 501


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost@evil", ""])
def test_strangers_names_get_nothing(port: int, host: str) -> None:
    assert ask(port, "/manifest.json", host=host)[0] == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9", "LOCALHOST:80", "[::1]:80"])
def test_names_of_this_machine_do(port: int, host: str) -> None:
    assert ask(port, "/manifest.json", host=host)[0] == 200


def test_a_page_that_lies_there_is_given(port: int, folder: Path) -> None:
    (folder / "index.html").write_text("mine")
    assert ask(port, "/") == (200, b"mine")


def test_damaged_artifacts_make_a_page_all_the_same(port: int, folder: Path) -> None:
    (folder / "manifest.json").write_bytes(b'{"nodes": [1')
    assert ask(port, "/")[0] == 200


def test_the_page_shows_columns_and_runs_nothing() -> None:
    text = page(MANIFEST, CATALOG, ("manifest.json",))
    assert "<script>" not in text
    assert "a&lt;b&gt;" in text
    assert "<td><code>ID</code></td><td>INTEGER</td><td>The &amp; key</td>" in text
    assert page({"nodes": 7, "metadata": []}, {"nodes": None}, ())

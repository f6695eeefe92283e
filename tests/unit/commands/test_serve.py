"""`docs serve`: which files are given to whom; the page where there is none, and those of profiles."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eltbuild.commands.serve import server
from eltbuild.report.docs_page import Artifacts, about_tests, page
from eltbuild.report.docs_profile import profile_page

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
        thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
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
    text = page(Artifacts(manifest=MANIFEST, catalog=CATALOG, files=("manifest.json",)))
    assert "<script>" not in text
    assert "a&lt;b&gt;" in text
    assert cells(text, "table")[1] == ["ID", "INTEGER", "The & key"]
    assert page(Artifacts(manifest={"nodes": 7, "metadata": []}, catalog={"nodes": None}))


# Profiles and results


HOSTILE = "<img src=x onerror=alert(1)>\"'&\u202e\x1b[31m"


class Seen(HTMLParser):
    """What a browser makes of a page: elements with their attributes, links, texts of cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.rows: list[list[str]] = []
        self.attributes: set[str] = set()
        self.inside = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.rows[-1][-1] += data


def cells(text: str, tag: str) -> list[list[str]]:
    assert tag in text
    return Seen(text).rows


def column(**more: object) -> dict[str, object]:
    return {
        "name": "id",
        "type": "INTEGER",
        "kind": "integer",
        "nulls": 5,
        "distinct": 3,
        "distinct_is_exact": True,
        **more,
    }


def profile(*columns: dict[str, object], **more: object) -> dict[str, object]:
    return {
        "metadata": {"generated_at": "2013-01-31T06:00:00+00:00"}, "unique_id": "model.shop.a", "name": "a",
        "resource_type": "model", "relation_name": "shop.main.a", "rows": 20, "sampled": None, "columns": list(columns), **more,
    }  # fmt: skip


RESULTS = {
    "metadata": {"generated_at": "2013-02-01T06:00:00Z"},
    "args": {"which": "build"},
    "results": [
        {"unique_id": "test.shop.one", "status": "fail", "message": f"Got 5 results {HOSTILE}"},
        {"unique_id": "test.shop.two", "status": "pass", "message": None},
        {"unique_id": "unit_test.shop.a.three", "status": "pass"},
    ],
}
TESTED = {
    **MANIFEST,
    "nodes": {
        **MANIFEST["nodes"],  # type: ignore[dict-item]
        "test.shop.one": {"resource_type": "test", "name": "one", "column_name": "id", "attached_node": "model.shop.a"},
        "test.shop.two": {"resource_type": "test", "name": "two", "depends_on": {"nodes": ["model.shop.a"]}},
        "test.shop.four": {"resource_type": "test", "name": "four", "depends_on": {"nodes": ["model.shop.a"]}},
    },
    "unit_tests": {"unit_test.shop.a.three": {"name": "three", "depends_on": {"nodes": ["model.shop.a"]}}},
}


def test_profiles_and_results_are_shown_and_linked(port: int, folder: Path) -> None:
    (folder / "profiles").mkdir()
    (folder / "profiles/model.shop.a.json").write_text(json.dumps(profile(column(min=1, max=9999.5))))
    (folder / "manifest.json").write_text(json.dumps(TESTED))
    (folder / "run_results.json").write_text(json.dumps(RESULTS))
    seen = Seen(ask(port, "/")[1].decode())
    assert "/profiles/model.shop.a.html" in seen.links
    assert {link.removeprefix("#") for link in seen.links if link.startswith("#")} == {"model.shop.a"} == set(seen.ids)
    told = [row[:3] for row in seen.rows if row[0] in ("one", "two", "three", "four")]
    assert told == [
        ["one", "id", "fail"],
        ["four", "", "not in the last run"],
        ["three", "", "pass"],
        ["two", "", "pass"],
    ]

    status, text = ask(port, "/profiles/model.shop.a.html")
    assert status == 200
    assert Seen(text.decode()).rows[-1] == ["idinteger", "25%", "3", "", "1 to 10,000"]
    assert ask(port, "/profiles/model.shop.a.json") == (200, json.dumps(profile(column(min=1, max=9999.5))).encode())


def test_results_of_the_last_run_are_shown_once_docs_were_generated(port: int, folder: Path) -> None:
    (folder / "manifest.json").write_text(json.dumps(TESTED))
    (folder / "run_results.last_run.json").write_text(json.dumps(RESULTS))
    (folder / "run_results.json").write_text(json.dumps({"args": {"which": "generate"}, "results": []}))
    assert ["one", "id", "fail"] in [row[:3] for row in Seen(ask(port, "/")[1].decode()).rows]


@pytest.mark.parametrize(
    "path",
    ["/profiles/../secret.txt", "/profiles/..%2fmanifest.json", "/profiles/%2e%2e/manifest.json", "/profiles/", "/profiles/x.html",
     "/profiles/model.shop.a", "/profiles//model.shop.a.json", "/profiles/broken.html", "/profiles/%00.json"],
)  # fmt: skip
def test_only_profiles_are_given_from_their_folder(port: int, folder: Path, path: str) -> None:
    (folder / "profiles").mkdir()
    (folder / "profiles/model.shop.a.json").write_text(json.dumps(profile()))
    (folder / "profiles/broken.json").write_text("{")
    assert ask(port, path)[0] == 404


def test_names_and_values_of_strangers_stay_text() -> None:
    hostile = column(
        name=HOSTILE, type=HOSTILE, kind="text", min=HOSTILE, max=HOSTILE + "z", top=[{"value": HOSTILE, "rows": 9}],
        histogram={"low": HOSTILE, "high": HOSTILE, "rows": [1, 2]},
    )  # fmt: skip
    hurt = profile(
        hostile, name=HOSTILE, relation_name=HOSTILE, unique_id=f"model.{HOSTILE}", metadata={"generated_at": HOSTILE}
    )
    manifest = {
        "metadata": {"project_name": HOSTILE, "generated_at": HOSTILE},
        "nodes": {"x": {"unique_id": f"model.{HOSTILE}", "resource_type": "model", "name": HOSTILE, "description": HOSTILE,
                        "original_file_path": HOSTILE, "columns": {HOSTILE: {"name": HOSTILE, "data_type": HOSTILE}}},
                  "y": {"resource_type": "test", "name": HOSTILE, "column_name": HOSTILE, "attached_node": f"model.{HOSTILE}"}},
    }  # fmt: skip
    results = {
        "results": [{"unique_id": "y", "status": HOSTILE, "message": HOSTILE}],
        "metadata": {"generated_at": HOSTILE},
    }
    sources = {"results": [{"unique_id": f"model.{HOSTILE}", "status": HOSTILE, "max_loaded_at": HOSTILE}]}
    shown = Artifacts(
        manifest=manifest, results=results, sources=sources, profiles={f"model.{HOSTILE}": (f"/profiles/{HOSTILE}", hurt)},
        files=(HOSTILE,),
    )  # fmt: skip
    for text in (page(shown), profile_page(hurt, HOSTILE, HOSTILE, about_tests(shown, f"model.{HOSTILE}"))):
        seen = Seen(text)
        assert HOSTILE.split("<")[0] + "<img src=x onerror=alert(1)>" in "".join(map("".join, seen.rows))
        assert not {"img", "script", "link", "iframe"} & set(seen.tags)
        assert not [name for name in seen.attributes if name.startswith("on")]
        assert "\u202e" not in text
        assert "\x1b" not in text
        assert not [link for link in seen.links if "://" in link]


NUMBERS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.just([]), st.just({}))
KEYS = (
    "nulls",
    "distinct",
    "min",
    "max",
    "mean",
    "stddev",
    "quantiles",
    "histogram",
    "top",
    "length",
    "true",
    "empty",
    "kind",
    "name",
)


@given(values=st.dictionaries(st.sampled_from(KEYS), NUMBERS), rows=NUMBERS, sampled=NUMBERS)
def test_a_profile_of_any_values_makes_a_page(values: dict[str, object], rows: object, sampled: object) -> None:
    broken = profile(column(**values), rows=rows, sampled=sampled)
    assert Seen(profile_page(broken, "/", "/x.json")).tags[0] == "html"
    assert Seen(page(Artifacts(manifest=MANIFEST, profiles={"model.shop.a": ("/x", broken)}))).tags[0] == "html"


def test_freshness_of_sources_is_told() -> None:
    source = {"unique_id": "source.shop.raw.a", "resource_type": "source", "source_name": "raw", "name": "a"}
    looked = {"unique_id": "source.shop.raw.a", "status": "warn", "max_loaded_at": "2013-01-31T06:00:00Z"}
    missing = {"unique_id": "source.shop.raw.b", "status": "runtime error", "error": "no <table>"}
    sources = {
        "source.shop.raw.a": source,
        "source.shop.raw.b": {**source, "unique_id": "source.shop.raw.b", "name": "b"},
    }
    text = page(Artifacts(manifest={"sources": sources}, sources={"results": [looked, missing]}))
    told = re.sub("<[^>]*>", "", text)
    assert "raw.a · freshness warn" in told
    assert "freshness: warn, loaded 2013-01-31 06:00 UTC" in told
    assert "freshness: runtime error, no &lt;table&gt;" in told


def test_a_histogram_is_as_high_as_its_rows_are_many() -> None:
    text = profile_page(profile(column(histogram={"low": 0, "high": 4, "rows": [0, 10, 5, 0]})), "/", "/x.json")
    heights = [
        float(found) for found in re.findall(r'<rect x="[\d.]+" y="[\d.]+" width="[\d.]+" height="([\d.]+)"', text)
    ]
    assert heights == [35.0, 17.5]

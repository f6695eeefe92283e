from __future__ import annotations

import os
from typing import Any

import pytest
from eltbuild_duckdb.opening import Extension, Opening
from eltbuild_duckdb.settings import KNOWN, read_opening

from eltbuild.adapter import Target

ROOT = "/project"


def opening(
    working_folder: str = ROOT, root: str = ROOT, known: frozenset[str] = frozenset(), **fields: Any
) -> Opening:
    target = Target(
        "shop", "dev", "duckdb", "shop", "main", root=root, fields={"type": "duckdb", **fields}, secrets=known
    )
    return read_opening(target, working_folder)


def good(**fields: Any) -> Opening:
    found = opening(**fields)
    assert found.problems == ()
    return found


def said(**fields: Any) -> list[str]:
    return [problem.message for problem in opening(**fields).problems]


def test_nothing_asked_for_is_a_private_database_in_memory() -> None:
    found = good()
    assert (found.path, found.shared, found.folder, found.read_only, dict(found.config)) == (
        ":memory:",
        "",
        "",
        False,
        {},
    )
    assert [step.sql for step in found.session] == [
        "set enable_progress_bar = false",
        "set python_enable_replacements = false",
    ]
    assert [step.sql for step in found.manners] == ["set allow_community_extensions = false"]
    assert (found.extensions, found.credentials, found.attach, found.transactions) == ((), (), (), True)


@pytest.mark.parametrize(
    ("path", "location", "folder"),
    [
        ("shop.duckdb", "/project/shop.duckdb", "/project"),
        ("data/../deep/shop.duckdb", "/project/deep/shop.duckdb", "/project/deep"),
        ("../shop.duckdb", "/shop.duckdb", "/"),
        ("/elsewhere/shop.duckdb", "/elsewhere/shop.duckdb", "/elsewhere"),
        ("~/shop.duckdb", os.path.expanduser("~/shop.duckdb"), os.path.expanduser("~")),
        ("two words & 'quote'.duckdb", "/project/two words & 'quote'.duckdb", "/project"),
    ],
)
def test_paths_are_meant_against_the_project(path: str, location: str, folder: str) -> None:
    found = good(path=path)
    assert (found.path, found.folder) == (location, folder)
    assert found.shared == os.path.realpath(location)


@pytest.mark.parametrize("path", ["md:shop", "motherduck:shop", "s3://bucket/shop.duckdb", "https://x/shop.duckdb"])
def test_what_is_no_file_stays_as_written(path: str) -> None:
    found = good(path=path)
    assert (found.path, found.shared, found.folder) == (path, path, "")


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("ducklake:meta.ducklake", "ducklake:/project/meta.ducklake"),
        ("ducklake:sqlite:meta.db", "ducklake:sqlite:/project/meta.db"),
        ("ducklake:postgres:dbname=lake host=x", "ducklake:postgres:dbname=lake host=x"),
        ("ducklake:md:lake", "ducklake:md:lake"),
        ("ducklake:s3://bucket/meta", "ducklake:s3://bucket/meta"),
        ("ducklake:", "ducklake:"),
    ],
)
def test_a_lake_s_catalogue_may_be_a_file(path: str, location: str) -> None:
    found = good(path=path)
    assert (found.path, found.shared, found.folder) == (location, location, "")


def test_named_databases_in_memory_are_shared() -> None:
    assert good(path=":memory:shop").shared == ":memory:shop"
    assert good(path=":memory:").shared == ""


@pytest.mark.parametrize("value", [True, "true", "True", "yes", 1])
def test_read_only(value: Any) -> None:
    found = good(path="a.duckdb", read_only=value)
    assert (found.read_only, found.folder) == (True, "")


def test_read_only_as_duckdb_says_it() -> None:
    found = good(path="a.duckdb", config_options={"access_mode": "READ_ONLY"})
    assert (found.read_only, dict(found.config)) == (True, {})
    assert "in memory" in said(read_only=True)[0]


def test_config_options_are_texts() -> None:
    found = good(config_options={"threads": 2, "enable_object_cache": True, "memory_limit": "1GB", "nothing": None})
    assert dict(found.config) == {"threads": "2", "enable_object_cache": "true", "memory_limit": "1GB"}


def test_settings_are_set_in_each_session() -> None:
    found = good(settings={"threads": 2, "preserve_insertion_order": False, "TimeZone": "it's", "dirs": ["/a", "b'c"]})
    assert [step.sql for step in found.session][2:] == [
        "set threads = '2'",
        "set preserve_insertion_order = 'false'",
        "set TimeZone = 'it''s'",
        "set dirs = ['/a', 'b''c']",
    ]
    assert [step.what for step in found.session][2] == "setting `threads`"


@pytest.mark.parametrize("name", ["threads; drop table x", "a b", "1st", "", "a'b", 'a"b'])
def test_the_name_of_a_setting_is_a_name(name: str) -> None:
    found = opening(settings={name: 1})
    assert "cannot be the name of a setting" in found.problems[0].message
    assert len(found.session) == 2


def test_extensions() -> None:
    found = good(extensions=["httpfs", {"name": "h3", "repo": "community"}, "ext/own.duckdb_extension"])
    assert found.extensions == (
        Extension("httpfs"), Extension("h3", "community"), Extension("/project/ext/own.duckdb_extension"),
    )  # fmt: skip
    assert [extension.is_file for extension in found.extensions] == [False, False, True]
    assert found.manners == ()


def test_community_extensions_stay_out_unless_one_is_named() -> None:
    assert good(extensions=["httpfs"]).manners[0].sql == "set allow_community_extensions = false"
    assert good(config_options={"allow_community_extensions": True}).manners == ()
    assert good(settings={"allow_community_extensions": True}).manners == ()


@pytest.mark.parametrize("item", [{"repo": "community"}, 7, "a b", {"name": None}, "x; drop table y", ["httpfs"]])
def test_extensions_without_a_name(item: Any) -> None:
    assert "`extensions`" in said(extensions=[item])[0]


def test_files_are_looked_for_in_the_project_too() -> None:
    def wanted(**options: Any) -> list[str]:
        return [step.sql for step in opening(**options).session][2:]

    assert wanted(working_folder="/elsewhere") == ["set file_search_path = '/project'"]
    assert wanted(working_folder="/elsewhere", settings={"file_search_path": "/x"}) == ["set file_search_path = '/x'"]
    assert wanted(working_folder="/elsewhere", config_options={"file_search_path": "/x"}) == []
    assert wanted(working_folder="/elsewhere", root="/a,b") == []
    assert wanted(working_folder="/project/", root=".") == []


def test_secrets_become_statements() -> None:
    found = good(
        secrets=[
            {"type": "s3", "region": "eu-west-1", "key_id": "AKIA", "secret": "it's hidden", "use_ssl": False},
            {"type": "gcs", "name": "my gcs", "persistent": True, "scope": ["gcs://a", "gcs://b"], "nothing": None},
            {"type": "s3", "provider": "credential_chain", "chain": "env;config"},
            {"type": "http", "extra_http_headers": {"Authorization": "Bearer abc"}},
        ]
    )
    assert [step.sql for step in found.credentials] == [
        "create or replace secret \"eltbuild_secret_1\" (type s3, region 'eu-west-1', key_id 'AKIA', "
        "secret 'it''s hidden', "
        "use_ssl 'false')",
        "create or replace persistent secret \"my gcs\" (type gcs, scope ['gcs://a', 'gcs://b'])",
        "create or replace secret \"eltbuild_secret_3\" (type s3, provider credential_chain, chain 'env;config')",
        'create or replace secret "eltbuild_secret_4" (type http, extra_http_headers map '
        "{'Authorization': 'Bearer abc'})",
    ]
    assert found.secrets == {"AKIA", "it's hidden", "Bearer abc"}
    assert not any("hidden" in step.what for step in found.credentials)


def test_the_credential_chain_of_old_profiles() -> None:
    (step,) = good(use_credential_provider="aws").credentials
    assert step.sql == 'create or replace secret "eltbuild_secret_1" (type s3, provider credential_chain)'
    assert "can only be `aws`" in said(use_credential_provider="gcp")[0]


@pytest.mark.parametrize("item", [{}, {"type": None}, "s3", {"type": "s3) ; drop table x"}, 7])
def test_secrets_without_a_type(item: Any) -> None:
    assert said(secrets=[item]) == ["target `dev` of profile `shop`: entry 1 of `secrets` has no type"]


def test_options_of_secrets_have_names() -> None:
    found = opening(secrets=[{"type": "s3", "a b": "hidden"}])
    assert "cannot be the name of an option" in found.problems[0].message
    assert "hidden" not in str(found.problems[0])


def test_attached_databases_become_statements() -> None:
    found = good(
        attach=[
            {"path": "other.duckdb"},
            {"path": "/data/a'b.duckdb", "alias": "al ias", "read_only": True},
            {"path": "lite.db", "type": "sqlite", "alias": "lite"},
            {"path": "dbname=shop password=geheim", "type": "postgres", "alias": "pg", "secret": "pg_secret"},
            {
                "path": "ducklake:meta.ducklake",
                "alias": "lake",
                "options": {"data_path": "files", "encrypted": True, "x": False},
            },
            {"path": ":memory:", "alias": "scratch"},
            {
                "path": "s3://bucket/x.duckdb",
                "alias": "far",
                "options": {"read_only": True, "storage_version": "'v1.0.0'"},
            },
            {"path": "md:shop?motherduck_token=abc", "alias": "duck", "is_ducklake": True},
        ]
    )
    assert [step.sql for step in found.attach] == [
        "attach if not exists '/project/other.duckdb'",
        "attach if not exists '/data/a''b.duckdb' as \"al ias\" (read_only)",
        "attach if not exists '/project/lite.db' as \"lite\" (type \"sqlite\")",
        "attach if not exists 'dbname=shop password=geheim' as \"pg\" (type \"postgres\", secret \"pg_secret\")",
        "attach if not exists 'ducklake:/project/meta.ducklake' as \"lake\" (data_path '/project/files/', encrypted)",
        "attach if not exists ':memory:' as \"scratch\"",
        "attach if not exists 's3://bucket/x.duckdb' as \"far\" (read_only, storage_version 'v1.0.0')",
        "attach if not exists 'md:shop' as \"duck\"",
    ]  # fmt: skip
    assert [step.what for step in found.attach][:2] == ["attaching entry 1 of `attach`", "attaching `al ias`"]
    assert "geheim" in found.secrets


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        ("host=x password=geheim user=y", "geheim"),
        ("host=x password='ge heim'", "ge heim"),
        ("postgres://user:geheim@host/db", "geheim"),
        ("host=x passwd = geheim;", "geheim"),
    ],
)
def test_passwords_in_connection_strings_are_secrets(path: str, secret: str) -> None:
    assert secret in good(attach=[{"path": path, "type": "postgres"}]).secrets


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ({}, "has no path"),
        ({"path": 7}, "has no path"),
        (7, "has no path"),
        ({"path": "a", "aliass": "b"}, "`aliass` is nothing that `attach` knows"),
        ({"path": "a", "type": "sqlite", "options": {"type": "duckdb"}}, "says `type` twice"),
        ({"path": "a", "options": ["x"]}, "`options`"),
        ({"path": "a", "options": {"a b": 1}}, "cannot be the name of an option"),
        ({"path": "a", "read_only": "maybe"}, "must be true or false"),
    ],
)
def test_what_cannot_be_attached(item: Any, text: str) -> None:
    assert any(text in message for message in said(attach=[item]))


def test_motherduck_takes_its_token_where_it_is_needed() -> None:
    main = good(path="md:shop", motherduck_token="geheim")
    assert (dict(main.config), main.attach) == ({"motherduck_token": "geheim"}, ())
    other = good(path="a.duckdb", settings={"motherduck_token": "geheim"}, attach=[{"path": "md:shop"}])
    assert [step.sql for step in other.attach] == [
        "set motherduck_token = 'geheim'",
        "attach if not exists 'md:shop'",
    ]
    assert len(other.session) == 2
    for found in (main, other):
        assert "geheim" in found.secrets


@pytest.mark.parametrize("name", ["plugins", "remote", "flights"])
def test_what_is_not_supported_is_said(name: str) -> None:
    (problem,) = opening(**{name: [{"module": "gsheet"}]}).problems
    assert problem.severity == "error"
    assert f"`{name}` is not supported" in problem.message
    assert problem.hint
    assert opening(**{name: None}).problems == ()


def test_an_unknown_field_is_a_warning() -> None:
    (problem,) = opening(extentions=["httpfs"]).problems
    assert (problem.severity, problem.hint) == ("warning", "did you mean `extensions`?")
    assert "shop" in problem.message


def test_every_known_field_can_be_read() -> None:
    for name in KNOWN - {"type", "plugins", "remote", "flights"}:
        assert opening(**{name: None}).problems == ()


@pytest.mark.parametrize("value", [7, "x", ["x"], {"x": 1}, True, 1.5])
@pytest.mark.parametrize("name", sorted(KNOWN - {"type"}))
def test_a_field_of_a_wrong_shape_is_no_crash(name: str, value: Any) -> None:
    for problem in opening(**{name: value}).problems:
        assert problem.message


def test_retries() -> None:
    found = good(retries={"connect_attempts": 3, "query_attempts": "2", "retryable_exceptions": ["IOException", "X"]})
    assert (found.connect_attempts, found.query_attempts, found.retryable) == (3, 2, {"IOException", "X"})
    assert (good().connect_attempts, good().query_attempts, good().retryable) == (1, 1, {"IOException"})
    for value in (0, -1, "many", 1000, True):
        assert "`connect_attempts`" in said(retries={"connect_attempts": value})[0]


def test_the_rest() -> None:
    found = good(
        disable_transactions=True, module_paths=["lib", "/abs"], filesystems=[{"fs": "gcs", "token": "geheim"}]
    )
    assert (found.transactions, found.modules) == (False, ("/project/lib", "/abs"))
    assert [dict(item) for item in found.filesystems] == [{"fs": "gcs", "token": "geheim"}]
    assert "geheim" in found.secrets
    assert good(keep_open=False, external_root="out", is_ducklake=True).path == ":memory:"


def test_secrets_of_the_profile_stay_secrets() -> None:
    assert "geheim" in opening(known=frozenset({"geheim"})).secrets

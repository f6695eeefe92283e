"""Secrets: whatever is done with a profile and with `*_ENV_SECRET_*`, their values stand in nothing that is left or said."""

from __future__ import annotations

import base64
import json
import random
import re
import urllib.parse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from security.shop import Shop

from eltbuild.adapter import Target
from eltbuild.project.fingerprint import fingerprint
from eltbuild.secrecy import (
    Hider,
    forms,
    is_secret_field,
    is_secret_variable,
    mask_secrets,
    secret_texts,
    without_secrets,
)

PEM = (
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n"
    "MzEfYyjiWA4R4M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvui\n"
    "-----END PRIVATE KEY-----\n"
)
ODD = "p@ss w'o\"r\\d/ü%&<>\tx"


# Names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["password", "pass", "PASSWORD", "sslpassword", "private_key", "private_key_passphrase", "privateKey", "api_key",
     "apiKey", "token", "motherduck_token", "s3_secret_access_key", "secret_access_key", "client_secret", "secrets",
     "azure_storage_connection_string", "dsn", "keyfile_json", "refresh-token", "pwd", "db_pwd", "Authorization",
     "encryption_key", "account_key", "sas", "aws_session_token", "credentials"],
)  # fmt: skip
def test_names_of_secret_fields(name: str) -> None:
    assert is_secret_field(name)


@pytest.mark.parametrize(
    "name",
    ["user", "host", "path", "key_id", "private_key_path", "token_uri", "secret_name", "bypass", "compass", "unique_key",
     "schema", "use_credential_provider", "keyfile", "sslkey", "passenger", "threads", "auth"],
)  # fmt: skip
def test_names_of_other_fields(name: str) -> None:
    assert not is_secret_field(name)


@pytest.mark.parametrize(
    ("name", "secret"),
    [("DBT_ENV_SECRET_X", True), ("DBT_ENV_SECRETX", True), ("ELTBUILD_ENV_SECRET_X", True), ("MY_ENV_SECRET_X", True),
     ("dbt_env_secret_x", True), ("DBT_ENV_CUSTOM_ENV_SECRET_X", True), ("ENV_SECRET_X", True), ("DBT_TOKEN", False),
     ("MY_SECRET", False), ("SECRETARY_ENV", False)],
)  # fmt: skip
def test_names_of_secret_variables(name: str, secret: bool) -> None:
    assert is_secret_variable(name) is secret


def test_secrets_are_found_wherever_a_profile_holds_them() -> None:
    fields = {
        "path": "md:shop?motherduck_token=in-a-query&x=1", "host": "postgres://me:in%2Dan%2Daddress@host/db",
        "secrets": [{"type": "s3", "key_id": "public", "secret": "in-a-list"}],
        "attach": [{"path": "host=h password='in a string' user=me"}], "password": 12345,
        "config": {"deep": {"api_key": "deep-down"}}, "http": {"headers": {"Authorization": "Bearer in-a-header"}},
        "private_key": PEM, "schema": "public",
    }  # fmt: skip
    assert set(secret_texts(fields)) == {
        "in-a-query", "in%2Dan%2Daddress", "in-an-address", "in-a-list", "in a string", "12345", "deep-down",
        "Bearer in-a-header", "in-a-header", PEM,
    }  # fmt: skip


def test_what_templates_may_know_of_a_profile() -> None:
    fields = {
        "type": "postgres", "user": "same", "password": "same", "host": "postgres://me:secret@host/db",
        "options": {"api_token": "t0ken", "timeout": 3}, "note": "uses other-secret", "list": ["other-secret", "x"],
    }  # fmt: skip
    secrets = {*secret_texts(fields), "other-secret"}
    assert without_secrets(fields, secrets) == {
        "type": "postgres", "user": "same", "host": "postgres://me:*****@host/db", "options": {"timeout": 3},
        "note": "uses *****", "list": ["*****", "x"],
    }  # fmt: skip


# Forms ------------------------------------------------------------------------------------------------------

WRITTEN = {
    "as it is": lambda s: s,
    "JSON": json.dumps,
    "JSON beyond ASCII": lambda s: json.dumps(s, ensure_ascii=False),
    "JSON in a value": lambda s: json.dumps({"a": [s]}),
    "repr": repr,
    "repr of a list": lambda s: repr([s]),
    "repr of bytes": lambda s: repr(s.encode()),
    "address": urllib.parse.quote,
    "address, all": lambda s: urllib.parse.quote(s, safe=""),
    "form": urllib.parse.quote_plus,
    "SQL": lambda s: "'" + s.replace("'", "''") + "'",
    "SQL with slashes": lambda s: "'" + s.replace("\\", "\\\\").replace("'", "\\'") + "'",
    "identifier": lambda s: '"' + s.replace('"', '""') + '"',
    "base 64": lambda s: base64.b64encode(s.encode()).decode(),
    "base 64 for addresses": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "basic": lambda s: "Basic " + base64.b64encode(b"user:" + s.encode()).decode(),
    "basic of another user": lambda s: "Basic " + base64.b64encode(b"us:" + s.encode()).decode(),
    "basic of a third": lambda s: "Basic " + base64.b64encode(b"use:" + s.encode()).decode(),
    "hexadecimal": lambda s: s.encode().hex(),
    "connection string": lambda s: f"host=h password='{s}' user=u",
    "HTML": lambda s: __import__("html").escape(s),
}


@pytest.mark.parametrize("secret", ["hunter2", "correct horse", ODD, PEM], ids=["word", "words", "odd", "key"])
@pytest.mark.parametrize("form", WRITTEN)
def test_a_secret_is_masked_in_every_form(secret: str, form: str) -> None:
    text = f"before {WRITTEN[form](secret)} after"
    told = mask_secrets({secret})(text)
    assert "*****" in told
    # What is left of base 64 at its ends are the bits of the neighbours.
    left = told.replace("*****", "")
    assert len(left) <= len("before  after") + len("host=h password='' user=u")
    assert mask_secrets({secret})("nothing to hide") == "nothing to hide"


def test_the_lines_of_a_key_are_masked_one_by_one() -> None:
    mask = mask_secrets({PEM})
    for line in PEM.splitlines()[1:-1]:
        assert mask(f"key: {line}!") == "key: *****!"
    assert mask("".join(PEM.splitlines())) == "*****"


def test_short_secrets_are_masked_as_words_and_the_shortest_not_at_all() -> None:
    assert mask_secrets({"abc"})("abc abcd (abc) xabc") == "***** abcd (*****) xabc"
    assert mask_secrets({"ab", " ", ""})("ab cab") == "ab cab"


@given(st.text(min_size=6, max_size=40), st.text(max_size=10), st.text(max_size=10))
def test_no_secret_survives_its_mask(secret: str, before: str, after: str) -> None:
    if len(secret.strip()) < 6:
        return
    told = mask_secrets({secret})(before + secret + after)
    assert secret not in told
    value = mask_secrets({secret}).in_value({"a": [secret, {secret: 1}], "n": 5})  # type: ignore[attr-defined]
    assert secret not in json.dumps(value, ensure_ascii=False)


@given(st.text(min_size=6, max_size=30))
def test_what_may_hold_a_secret_is_looked_into(secret: str) -> None:
    import msgspec

    mask = mask_secrets({secret})
    if isinstance(mask, Hider):
        data = msgspec.json.encode({"a": secret.encode("utf-8", "replace").decode()})
        assert mask.in_bytes(data) or "?" in data.decode()


def test_a_number_stays_json() -> None:
    mask = mask_secrets({"123456"})
    assert isinstance(mask, Hider)
    assert mask.in_value({"a": 123456, "b": 1234567, "c": True, "d": 12.5}) == {
        "a": "*****", "b": 1234567, "c": True, "d": 12.5,
    }  # fmt: skip


def test_a_name_in_which_a_secret_stands_is_left_whole() -> None:
    mask = mask_secrets({"analytics"}, ["analytics_dev", "analytics", "elsewhere"])
    assert mask('"analytics_dev"."x" analytics xanalytics_dev') == '"analytics_dev"."x" ***** x*****_dev'
    assert isinstance(mask, Hider)
    assert not mask.in_bytes(b'{"database": "analytics_dev"}')
    assert mask.in_bytes(b'{"database": "analytics_dev", "password": "analytics"}')
    assert mask_secrets({"12345"}, ["123456"]).in_value({"a": 123456, "b": 12345}) == {"a": 123456, "b": "*****"}  # type: ignore[attr-defined]


def test_forms_of_a_word_are_few() -> None:
    assert len(forms("hunter2")) < 20


# Commands ---------------------------------------------------------------------------------------------------

ENVIRONMENT = {
    "DBT_ENV_SECRET_KEY": "environment-canary-1", "SHOP_ENV_SECRET_TOKEN": "environment-canary-2",
    "DBT_ENV_CUSTOM_ENV_SECRET_X": "environment-canary-3", "DBT_ENV_CUSTOM_ENV_SHOWN": "shown-in-artifacts",
}  # fmt: skip
PROFILE = """
shop:
  target: dev
  outputs:
    dev:
      type: duckdb
      path: shop.duckdb
      password: profile-canary-1
      token: "{{ env_var('DBT_ENV_SECRET_KEY') }}"
      private_key: |
        -----BEGIN PRIVATE KEY-----
        keycanaryMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj
        -----END PRIVATE KEY-----
      note: postgres://me:profile-canary-2@example.org/x
"""
CANARIES = ("environment-canary", "profile-canary", "keycanaryMII", "var-canary")
FILES = {
    "models/a.sql": "{{ config(materialized='table', meta={'t': var('text', '')}) }}\n"
    "select 1 as x, '{{ var('text', '') }}' as y -- {{ target }} {{ flags.INVOCATION_COMMAND }}",
    "models/bad.sql": "{{ config(materialized='table') }} select '{{ var('text', '') }}'::int as x from {{ ref('a') }}",
    "models/s.yml": "models: [{name: a, description: \"{{ var('text', '') }}\", columns: [{name: x, "
    "description: \"{{ var('text', '') }}\", data_tests: [unique]}]}]",
    "macros/m.sql": "{% macro m() %}{{ print(var('text', '')) }}{{ log(var('text', ''), info=true) }}{% endmacro %}",
}
VARS = "{text: 'profile-canary-1 environment-canary-1', api_token: var-canary, n: 1}"


@pytest.fixture
def secretive(shop: Shop) -> Shop:
    for name, value in ENVIRONMENT.items():
        shop.monkeypatch.setenv(name, value)
    shop.write({"profiles.yml": PROFILE, **FILES})
    return shop


def left_behind(shop: Shop, said: str) -> None:
    for canary in CANARIES:
        assert canary not in said
        for path, content in shop.left():
            assert canary.encode() not in content, path


@pytest.mark.parametrize(
    "command",
    [
        ("build", "--debug", "--vars", VARS),
        ("build", "--debug", "--log-format", "json", "--vars", VARS),
        ("build", "--log-format-file", "json", "--vars", VARS),
        ("compile", "--vars", VARS),
        ("compile", "--select", "a", "--vars", VARS),
        ("compile", "--select", "a", "--output", "json", "--vars", VARS),
        ("compile", "--inline", "select '{{ var(\"text\") }}'", "--vars", VARS),
        ("show", "--inline", "select '{{ var(\"text\") }}' as x", "--vars", VARS),
        ("show", "--inline", "select '{{ var(\"text\") }}'::int as x", "--vars", VARS),
        ("run-operation", "m", "--vars", VARS),
        ("run-operation", "--sql", "select '{{ var(\"text\") }}' as x", "--vars", VARS),
        ("ls", "--output", "json", "--vars", VARS),
        ("plan", "--vars", VARS),
        ("docs", "generate", "--vars", VARS),
        ("parse", "--vars", VARS),
        ("debug", "--vars", VARS),
        ("run", "--vars", "{text: 'profile-canary-1"),
        ("run", "--vars", "environment-canary-1"),
        ("run", "--select", "profile-canary-1", "--vars", VARS),
        ("run", "--target", "profile-canary-1x"),
    ],
    ids=" ".join,
)
def test_no_command_tells_or_leaves_a_secret(secretive: Shop, command: tuple[str, ...]) -> None:
    secretive.monkeypatch.setattr("sys.argv", ["eltbuild", *command])
    said = secretive.call(*command).said
    if "profile-canary-1" in command[-1] and "--vars" in command and command[-1] != VARS:
        # The profile is not read yet: what is typed in clear into a broken argument is shown to who typed it.
        said = said.replace("profile-canary-1", "")
    if command[-1] == "profile-canary-1x":
        said = said.replace("profile-canary-1x", "")
    left_behind(secretive, said)
    assert "Traceback" not in said
    assert "fault in eltbuild" not in said


def test_artifacts_stay_sound_where_secrets_are_hidden_in_them(secretive: Shop) -> None:
    assert secretive.call("build", "--vars", VARS).code == 1
    results = json.loads((secretive.root / "target/run_results.json").read_text())
    manifest = json.loads((secretive.root / "target/manifest.json").read_text())
    assert results["args"]["vars"] == {"text": "***** *****", "api_token": "*****", "n": 1}
    assert manifest["nodes"]["model.shop.a"]["config"]["meta"] == {"t": "***** *****"}
    assert "***** *****" in manifest["nodes"]["model.shop.a"]["compiled_code"]
    assert manifest["metadata"]["env"]["SHOWN"] == "shown-in-artifacts"
    assert "SECRET_X" not in manifest["metadata"]["env"]
    assert "'***** *****' as y" in (secretive.root / "target/compiled/shop/models/a.sql").read_text()
    assert "***" in next(r["message"] for r in results["results"] if r["unique_id"] == "model.shop.bad")


def test_the_warehouse_gets_what_was_written(secretive: Shop) -> None:
    import duckdb

    secretive.call("build", "--vars", VARS)
    with duckdb.connect(str(secretive.root / "shop.duckdb"), read_only=True) as connection:
        assert connection.execute("select y from a").fetchall() == [("profile-canary-1 environment-canary-1",)]


def test_a_password_that_is_a_name_of_the_project_leaves_artifacts_as_they_are(shop: Shop) -> None:
    shop.write({"profiles.yml": PROFILE.replace("profile-canary-1", "orders"), "models/orders.sql": "select 1 as x",
                "models/b.sql": "select * from {{ ref('orders') }}"})  # fmt: skip
    shop.monkeypatch.setenv("DBT_ENV_SECRET_KEY", "duckdb")
    shop.call("build")
    manifest = json.loads((shop.root / "target/manifest.json").read_text())
    assert manifest["nodes"]["model.shop.b"]["depends_on"]["nodes"] == ["model.shop.orders"]
    assert manifest["metadata"]["adapter_type"] == "duckdb"


def test_a_password_within_a_name_leaves_the_name_whole_but_one_of_the_environment(shop: Shop) -> None:
    profile = PROFILE.replace("shop.duckdb", "analytics_dev.duckdb").replace("profile-canary-1", "analytics")
    shop.write({"profiles.yml": profile, "models/b.sql": "select 'analytics' as x, 'analytics_dev' as y"})
    shop.monkeypatch.setenv("DBT_ENV_SECRET_KEY", "another-canary")
    assert shop.call("build").code == 0
    results = json.loads((shop.root / "target/run_results.json").read_text())["results"]
    assert results[0]["relation_name"] == '"analytics_dev"."main"."b"'
    assert results[0]["compiled_code"] == "select '*****' as x, 'analytics_dev' as y"
    shop.monkeypatch.setenv("DBT_ENV_SECRET_KEY", "analytics")
    shop.call("build")
    results = json.loads((shop.root / "target/run_results.json").read_text())["results"]
    assert results[0]["relation_name"] == '"*****_dev"."main"."b"'


def test_a_fault_of_our_own_is_confessed_without_secrets(secretive: Shop) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("postgres://me:address-canary@h and profile-canary-1 and environment-canary-2")

    secretive.monkeypatch.setattr("eltbuild.commands.opening._settled", broken)
    done = secretive.call("parse")
    assert "a fault in eltbuild itself" in done.err
    file = Path(re.search(r"with (\S+)", done.err)[1])  # type: ignore[index]
    text = done.said + file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    file.unlink()
    assert "KeyError" in text
    for canary in ("address-canary", *CANARIES):
        # The traceback shows the line of this file that raises, which spells them.
        assert canary not in "\n".join(line for line in text.splitlines() if "raise KeyError" not in line)


def test_an_error_of_a_connection_is_told_without_secrets(secretive: Shop) -> None:
    from eltbuild.errors import DatabaseError

    def refused(self: object) -> None:
        dsn = "postgres://me:dsn-canary@example.org/x password=profile-canary-1 ZW52aXJvbm1lbnQtY2FuYXJ5LTE="
        raise DatabaseError(f"connection failed: {dsn}", sql=f"-- {dsn}")

    secretive.monkeypatch.setattr("eltbuild_duckdb.DuckDBAdapter.connect", refused)
    for command in (["build"], ["build", "--debug"], ["debug"], ["show", "--select", "a"], ["run-operation", "m"],
                    ["docs", "generate"], ["plan"], ["build", "--log-format", "json"]):  # fmt: skip
        said = secretive.call(*command).said
        assert "connection failed" in said or command == ["run-operation", "m"]
        assert "ZW52aXJvbm1lbnQtY2FuYXJ5" not in said
        left_behind(secretive, said)


# Profiles that cannot be read -------------------------------------------------------------------------------

BROKEN = [
    "password: 'profile-canary",
    'password: "profile-canary',
    "password: profile-canary: x",
    "password: @profile-canary",
    "password: *profile-canary",
    "password: &profile-canary\n      - x",
    "password: !profile-canary x",
    "password: !profile-canary!x y",
    "password: !<profile-canary x",
    "password: [profile-canary",
    "password: {profile-canary",
    "password: profile-canary\n   bad: x",
    "password: |profile-canary",
    "password: >profile-canary\n x",
    "password: %profile-canary",
    "password: `profile-canary",
    'password: "profile-canary\\q"',
    "\tpassword: profile-canary",
    "password: profile-canary\n      password: profile-canary",
    "profile-canary",
    "profile-canary: : :",
    "password: profile-canary\x00",
    "<<: profile-canary",
    "[profile-canary]: x",
    "password: 2026-13-45profile-canary",
    "password: !!int profile-canary",
    "password: !!timestamp profile-canary",
    "password: !!binary profile-canary",
    "threads: profile-canary",
    "schema: {x: profile-canary}",
    "type: 1\n      password: profile-canary",
    "password: \"{{ 'profile-canary' | as_number }}\"",
    "password: \"{{ 'profile-canary'.nope() }}\"",
    "password: \"{{ {}['profile-canary'] + 1 }}\"",
    "password: \"{{ env_var('DBT_PASSWORD') | as_number }}\"",
    "password: \"{{ env_var(env_var('DBT_PASSWORD')) }}\"",
    "password: \"{{ {}[env_var('DBT_PASSWORD')] + 1 }}\"",
    "password: \"{{ env_var('DBT_PASSWORD') + 1 }}\"",
    "password: \"{{ env_var('DBT_PASSWORD').nope.nope }}\"",
    "password: \"{{ env_var('DBT_ENV_SECRET_KEY') | as_bool }}\"",
    "password: \"{{ var(env_var('DBT_ENV_SECRET_KEY')) }}\"",
    "password: \"{{ profile-canary }}\"",
    "password: \"{{ 'profile-canary \"",
    "password: \"{% profile-canary %}\"",
    "password: \"{{ fromjson('profile-canary') + 1 }}\"",
    "secrets: profile-canary",
    "secrets: [{secret: profile-canary}]",
    "extensions: {profile-canary: x}",
    "config_options: {password: profile-canary}",
]  # fmt: skip


@pytest.mark.parametrize("line", BROKEN)
def test_a_broken_line_of_a_profile_is_told_without_what_stands_in_it(shop: Shop, line: str) -> None:
    shop.monkeypatch.setenv("DBT_PASSWORD", "profile-canary-value")
    shop.monkeypatch.setenv("DBT_ENV_SECRET_KEY", "environment-canary-value")
    head = "shop:\n  target: dev\n  outputs:\n    dev:\n"
    body = f"      {line}\n" if line.startswith("type:") else f"      type: duckdb\n      {line}\n"
    shop.write({"profiles.yml": head + body, "models/a.sql": "select 1 as x"})
    for command in (["debug"], ["run", "--debug"]):
        said = shop.call(*command).said
        assert "profile-canary" not in said
        assert "environment-canary" not in said
        assert "Traceback" not in said
        assert "fault in eltbuild" not in said
        for path, content in shop.left():
            assert b"canary" not in content, path


def test_any_broken_profile_is_told_without_its_secret(shop: Shop) -> None:
    dice = random.Random(1)
    good = (
        "shop:\n  target: dev\n  outputs:\n    dev:\n      type: duckdb\n      password: 'canary'\n      path: x.db\n"
    )
    for _ in range(150):
        text = list(good)
        for _ in range(dice.randrange(1, 4)):
            place = dice.randrange(len(text))
            text[place : place + dice.randrange(2)] = dice.choice([*"!&*{}[]:,'\"%@`|>\t\n#?-", "{{", "}}", "!!", ": "])
        broken = "".join(text)
        if "canary" not in broken:
            continue
        shop.write({"profiles.yml": broken})
        said = shop.call("debug").said
        # A value that became a name or a path is no secret any more.
        if re.search(r"password\s*:\s*\S", broken):
            assert "canary" not in said, broken


# Elsewhere --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("models/a.sql", "select '{{ env_var('DBT_ENV_SECRET_KEY') }}' as x"),
        ("models/a.sql", "select '{{ env_var('SHOP_ENV_SECRET_TOKEN', 'x') }}' as x"),
        ("models/s.yml", "models: [{name: a, config: {alias: \"{{ env_var('DBT_ENV_SECRET_KEY') }}\"}}]"),
        ("models/s.yml", "models: [{name: a, description: \"{{ env_var('DBT_ENV_SECRET_KEY') }}\"}]"),
        ("dbt_project.yml", "name: shop\nprofile: shop\nmodels: {+alias: \"{{ env_var('DBT_ENV_SECRET_KEY') }}\"}"),
        ("dbt_project.yml", "name: shop\nprofile: shop\non-run-start: \"select '{{ env_var('DBT_ENV_SECRET_KEY') }}'\""),
        ("dbt_project.yml", "name: shop\nprofile: shop\nquery-comment: \"{{ env_var('DBT_ENV_SECRET_KEY') }}\""),
        ("dbt_project.yml", "name: shop\nprofile: shop\nquery-comment: \"{{ target.password }}{{ target }}\""),
        ("selectors.yml", "selectors: [{name: x, definition: \"{{ env_var('DBT_ENV_SECRET_KEY') }}\"}]"),
        ("models/a.sql", "{{ config(post_hook=\"select '{{ target.password }}{{ target }}' as x\") }} select 1 as x"),
    ],
)  # fmt: skip
def test_secrets_are_for_profiles_and_packages_only(secretive: Shop, path: str, text: str) -> None:
    secretive.write({path: text})
    done = secretive.call("run", "--debug", "--select", "a")
    left_behind(secretive, done.said)
    if "target" not in text:
        assert done.code != 0 or "query-comment" in text or "description" in text
        assert "ecret" in done.said


def test_what_is_kept_lists_names_of_variables_and_no_values(shop: Shop) -> None:
    from eltbuild.project.seal import cache_key, unsealed

    shop.monkeypatch.setenv("REGION", "value-of-region")
    shop.write({"models/a.sql": "select 1 as x -- {{ env_var('REGION') }} {{ env_var('UNSET', '') }}"})
    assert shop.call("run").code == 0
    key = cache_key({}, shop.home)
    assert key is not None
    (kept,) = (shop.root / "target/cache").glob("project-*.json")
    head = json.loads(unsealed(kept.read_bytes(), key).split(b"\n")[0])
    assert head["environment"] == ["REGION", "UNSET"]
    assert b"value-of-region" not in kept.read_bytes()
    assert "environment variables that templates name: REGION, UNSET" in (shop.root / "logs/eltbuild.log").read_text()
    said = shop.call("debug").said
    assert "REGION, UNSET (not set)" in said
    assert "value-of-region" not in said


def test_a_fingerprint_depends_on_what_templates_can_see_and_on_no_secret(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models/a.sql").write_text("{{ env_var('REGION') }} {{ env_var('DBT_ENV_SECRET_X') }} {{ env_var(x) }}")

    def mark(password: str = "a", region: str = "eu", secret: str = "s", key: bytes = b"k") -> str:
        target = Target("p", "t", "duckdb", "d", "s", fields={"password": password}, secrets=frozenset({password}))
        environment = {"REGION": region, "DBT_ENV_SECRET_X": secret}
        return fingerprint(tmp_path, ["models"], target, {}, environment, key=key).rest

    assert mark() == mark(password="b") == mark(secret="t")
    assert mark() != mark(region="us")
    # Without the key nobody can try values until one fits.
    assert mark() != mark(key=b"other")


def test_the_file_of_the_environment_is_in_no_fingerprint(tmp_path: Path) -> None:
    target = Target("p", "t", "duckdb", "d", "s")
    (tmp_path / ".env").write_text("PASSWORD=x")
    assert ".env" not in fingerprint(tmp_path, ["models"], target, {}, {}).files

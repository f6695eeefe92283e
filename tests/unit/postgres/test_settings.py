"""What the fields of a profile come to. Nothing is connected."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from eltbuild_postgres.settings import KNOWN, Opening, read_opening

from eltbuild.adapter import Target, open_adapter

ROOT = "/project"


def opening(**fields: Any) -> Opening:
    target = Target("shop", "dev", "postgres", "d", "s", root=ROOT, fields={"type": "postgres", **fields})
    return read_opening(target, ROOT)


def good(**fields: Any) -> Opening:
    found = opening(**fields)
    assert found.problems == ()
    return found


def test_nothing_said_is_left_to_the_library() -> None:
    """It asks the environment, the service file and the password file by itself."""
    found = good()
    assert dict(found.parameters) == {"fallback_application_name": "eltbuild", "connect_timeout": "10"}
    assert (found.role, found.search_path, found.retries, found.secrets) == ("", "", 1, frozenset())


def test_the_fields_of_a_profile_written_for_dbt() -> None:
    found = good(
        host="db", user="u", port=5433, **{"pass": "geheim"}, dbname="shop", schema="s", threads=8, connect_timeout=3,
        role="writer", search_path="s, public", keepalives_idle=0, sslmode="verify-ca", sslcert="a.crt", sslkey="/k",
        sslrootcert="~/root.crt", application_name="nightly", autocommit=True, retries=3,
    )  # fmt: skip
    assert dict(found.parameters) == {
        "host": "db", "user": "u", "port": "5433", "password": "geheim", "dbname": "shop", "connect_timeout": "3",
        "sslmode": "verify-ca", "sslcert": "/project/a.crt", "sslkey": "/k", "application_name": "nightly",
        "sslrootcert": os.path.expanduser("~/root.crt"), "fallback_application_name": "eltbuild",
    }  # fmt: skip
    assert (found.role, found.search_path, found.retries) == ("writer", "s, public", 3)
    assert found.secrets == {"geheim"}


@pytest.mark.parametrize(
    ("fields", "parameters"),
    [
        ({"password": "a", "pass": "b"}, {"password": "a"}),
        ({"password": " blanks stay "}, {"password": " blanks stay "}),
        ({"password": 1234}, {"password": "1234"}),
        ({"database": "shop"}, {"dbname": "shop"}),
        ({"port": "5432"}, {"port": "5432"}),
        ({"host": "a,b", "port": "5432, 5433"}, {"host": "a,b", "port": "5432,5433"}),
        ({"host": "/var/run/postgresql"}, {"host": "/var/run/postgresql"}),
        ({"service": "shop"}, {"service": "shop"}),
        ({"options": "-c work_mem=64MB"}, {"options": "-c work_mem=64MB"}),
        ({"keepalives_idle": 60}, {"keepalives_idle": "60"}),
        ({"connect_timeout": 0}, {"connect_timeout": "0"}),
        ({"sslrootcert": "system"}, {"sslrootcert": "system"}),
        ({"passfile": "pass"}, {"passfile": "/project/pass"}),
        ({"target_session_attrs": "read-write"}, {"target_session_attrs": "read-write"}),
        ({"host": "", "port": "", "user": None}, {}),
    ],
)
def test_what_the_library_is_given(fields: dict[str, Any], parameters: dict[str, str]) -> None:
    found = dict(good(**fields).parameters)
    for name in ("fallback_application_name", "connect_timeout"):
        if name not in fields:
            found.pop(name, None)
    assert found == parameters


def test_a_search_path_can_be_a_list() -> None:
    assert good(search_path=["Shop", 'a"b']).search_path == '"Shop", "a""b"'


def test_the_environment_can_set_the_time_to_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "2")
    assert "connect_timeout" not in good().parameters


@pytest.mark.parametrize(
    ("fields", "said", "hint"),
    [
        ({"port": "abc"}, "`port` must be a whole number from 1 to 65535", "PostgreSQL's own is 5432"),
        ({"port": 0}, "`port` must be a whole number", ""),
        ({"port": 70000}, "`port` must be a whole number", ""),
        ({"port": True}, "`port` must be a whole number", ""),
        ({"port": [5432]}, "`port` must be a whole number", ""),
        ({"host": ["a"]}, "`host` must be a text", ""),
        ({"user": {"name": "u"}}, "`user` must be a text", ""),
        ({"dbname": True}, "`dbname` must be a text", ""),
        ({"password": "a\0b"}, "`password` holds a NUL character", ""),
        ({"connect_timeout": "soon"}, "`connect_timeout` must be a whole number from 0", ""),
        ({"connect_timeout": -1}, "`connect_timeout` must be a whole number from 0", ""),
        ({"keepalives_idle": 1.5}, "`keepalives_idle` must be a whole number from 0", ""),
        ({"retries": "many"}, "`retries` must be a whole number from 0 to 100", ""),
        ({"retries": 1000}, "`retries` must be a whole number from 0 to 100", ""),
        ({"sslmode": "requires"}, "`sslmode` cannot be `requires`", "did you mean `require`?"),
        ({"sslmode": "on"}, "`sslmode` cannot be `on`", "it can be disable, allow"),
        ({"autocommit": "perhaps"}, "`autocommit` must be true or false", ""),
        ({"search_path": [1]}, "`search_path` must be a text, or a list", ""),
    ],
)
def test_what_is_wrong_is_an_error(fields: dict[str, Any], said: str, hint: str) -> None:
    (problem,) = opening(**fields).problems
    assert problem.severity == "error"
    assert problem.message.startswith("target `dev` of profile `shop`: ")
    assert said in problem.message
    assert hint in problem.hint


def test_no_value_of_a_secret_is_told() -> None:
    for fields in ({"password": ["geheim"]}, {"password": "geheim\0"}, {"sslpassword": {"a": "geheim"}}):
        assert "geheim" not in str(opening(**fields).problems)


def test_an_unknown_field_is_a_warning_with_the_nearest_one() -> None:
    (problem,) = opening(usr="me").problems
    assert (problem.severity, problem.name, problem.hint) == ("warning", "UnknownProfileField", "did you mean `user`?")


def test_every_known_field_is_read() -> None:
    """A field that is let pass in silence is one that does nothing."""
    values: dict[str, Any] = {"port": 5432, "retries": 2, "autocommit": True, "sslmode": "disable"}
    for name in KNOWN:
        given = values.get(name, "1")
        assert opening(**{name: given}).problems == (), name


def test_the_page_explains_fields_that_there_are() -> None:
    page = (Path(__file__).parents[3] / "docs" / "postgres.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named <= KNOWN
    # What dbt-postgres knows is explained; the rest is libpq's own.
    assert named >= {
        "host", "port", "user", "password", "pass", "dbname", "database", "schema", "role", "search_path", "retries",
        "connect_timeout", "keepalives_idle", "sslmode", "sslcert", "sslkey", "sslrootcert", "application_name",
        "threads", "autocommit",
    }  # fmt: skip


def test_the_driver_is_not_imported_before_it_is_needed() -> None:
    code = (
        "import sys; from eltbuild.adapter import Target, open_adapter; "
        "a = open_adapter(Target('p', 't', 'postgres', 'd', 's', fields={'type': 'postgres', 'host': 'h'}));"
        "a.capabilities, a.problems; a.close(); "
        "print([name for name in ('psycopg', 'pyarrow', 'sqlglot') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_it_is_found_by_its_type() -> None:
    adapter = open_adapter(Target("p", "t", "postgres", "d", "s", fields={"type": "postgres"}))
    assert (adapter.type, adapter.dialect, adapter.capabilities.identifier_length) == ("postgres", "postgres", 63)

"""How a session comes about, and what is said when none does; against a real server."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from eltbuild_postgres import connecting
from servers.certificates import certificate
from servers.postgres import WITH_PASSWORD, Server, own
from servers.proxy import Proxy

from eltbuild.errors import DatabaseError, ProjectError

from .conftest import DATABASE, Opened

SECRET = "s3cret'\\ %word"


def refused(opened: Opened, **fields: Any) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught:
        opened(**fields).connect()
    assert SECRET not in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert "\n" not in caught.value.message
    return caught.value


@pytest.fixture
def user(server: Server) -> str:
    """A user who must give the password `SECRET`."""
    name = f"locked_{DATABASE}"
    quoted = SECRET.replace("'", "''")
    if not server.execute(f"select 1 from pg_roles where rolname = '{WITH_PASSWORD}'"):
        server.execute(f'create role "{WITH_PASSWORD}"')
    server.execute(f"drop role if exists {name}")
    server.execute(f"create role {name} login password '{quoted}' in role \"{WITH_PASSWORD}\"")
    return name


def test_it_is_told_who_and_where_one_is(opened: Opened, server: Server) -> None:
    asked = "select current_database(), current_user, current_setting('application_name'), pg_backend_pid() > 0"
    assert opened().connect().execute(asked).rows == ((DATABASE, "postgres", "eltbuild", True),)
    named = opened(application_name="nightly").connect()
    assert named.execute("show application_name").scalar() == "nightly"


def test_role_and_search_path(opened: Opened, server: Server) -> None:
    server.execute('drop role if exists "Writer\'s"; create role "Writer\'s"')
    found = opened(role="Writer's", search_path='"a b", public; drop table x').connect
    # What is no list of names is refused, and never run.
    with pytest.raises(DatabaseError, match="search_path"):
        found()
    session = opened(role="Writer's", search_path='"a b", public').connect()
    assert session.execute("select current_user").scalar() == "Writer's"
    assert session.execute("show search_path").scalar() == '"a b", public'
    options = opened(options="-c work_mem=12345kB -c standard_conforming_strings=off").connect()
    assert options.execute("show work_mem").scalar() == "12345kB"
    german = opened(options="-c datestyle=German").connect()
    assert german.execute("show datestyle").scalar() == "ISO, DMY"
    # All that is written here takes a backslash for a backslash.
    assert options.execute(r"select 'a\b'").scalar() == r"a\b"


@pytest.mark.parametrize(
    ("given", "found"),
    [("Elt_Lower", "elt_lower"), ("elt_lower", "elt_lower"), ('"Elt Mixed"', "Elt Mixed"), ("Elt Mixed", "Elt Mixed")],
)
def test_a_role_is_written_as_in_sql(opened: Opened, server: Server, given: str, found: str) -> None:
    for name in ("elt_lower", "Elt Mixed"):
        server.execute(f'drop role if exists "{name}"')
        server.execute(f'create role "{name}"')
    assert opened(role=given).connect().execute("select current_user").scalar() == found


def test_a_role_that_is_not_there(opened: Opened) -> None:
    error = refused(opened, role="nobody_such")
    assert error.message == "there is no role `nobody_such` on the server, which `role` of the profile names"


def test_a_folder_of_sockets_is_a_host(opened: Opened, server: Server) -> None:
    assert opened(host=str(server.folder)).connect().execute("select 1").scalar() == 1


def test_a_service_file(opened: Opened, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "services.conf"
    file.write_text(f"[shop]\nhost={server.host}\nport={server.port}\nuser=postgres\ndbname={DATABASE}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    gone = {"host": None, "port": None, "user": None, "dbname": None}
    session = opened(service="shop", **gone).connect()
    assert session.execute("select current_database()").scalar() == DATABASE
    session.execute("create schema if not exists by_service; create table if not exists by_service.t (a integer)")
    from eltbuild.relation import Relation

    for place in (Relation(None, "by_service", "t"), Relation(DATABASE, "by_service", "t")):
        assert session.relation(place) is not None
    assert [str(each.relation) for each in session.relations([Relation("", "by_service", None)])]
    session.execute("drop schema by_service cascade")
    error = refused(opened, service="shpo", **gone)
    assert "there is no service `shpo`" in error.message
    assert "PGSERVICEFILE" in error.problems[0].hint


def test_sources_of_passwords(
    opened: Opened, server: Server, user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def works(**fields: Any) -> bool:
        return opened(user=user, **fields).connect().execute("select current_user").scalar() == user

    assert works(password=SECRET)
    assert works(**{"pass": SECRET})
    escaped = SECRET.replace("\\", "\\\\").replace(":", "\\:")
    line = f"{server.host}:{server.port}:*:{user}:{escaped}\n"
    for path, fields in ((tmp_path / ".pgpass", {}), (tmp_path / "elsewhere", {"passfile": "elsewhere"})):
        path.write_text(line)
        path.chmod(0o600)
        monkeypatch.setenv("PGPASSFILE", str(tmp_path / ".pgpass"))
        assert works(**fields)
        path.unlink()
    monkeypatch.setenv("PGPASSWORD", SECRET)
    assert works()


def test_a_wrong_password_and_none(opened: Opened, user: str) -> None:
    error = refused(opened, user=user, password=f"not {SECRET}")
    assert error.message == f"the server does not take the password of user `{user}`"
    assert not error.transient
    error = refused(opened, user=user)
    assert error.message == "the server asks for a password, and none is given"
    assert "PGPASSWORD" in error.problems[0].hint


def test_a_user_that_is_not_there(opened: Opened) -> None:
    error = refused(opened, user="nobody such")
    assert (error.message, error.problems[0].hint) == (
        "the server knows no user `nobody such`",
        "check `user` of the profile",
    )


def test_a_database_that_is_not_there(opened: Opened) -> None:
    error = refused(opened, dbname=f"{DATABASE}x")
    assert error.message == f"there is no database `{DATABASE}x` on the server"
    hint = error.problems[0].hint
    assert f"did you mean `{DATABASE}`?" in hint
    assert "the server has `" in hint
    assert f"createdb {DATABASE}x" in hint


def test_no_server(opened: Opened, tmp_path: Path) -> None:
    error = refused(opened, port=1, retries=0)
    assert error.message == "no PostgreSQL server answers at 127.0.0.1, port 1"
    assert error.transient
    assert "is it running" in error.problems[0].hint
    assert "no PostgreSQL server answers at" in refused(opened, host=str(tmp_path), retries=0).message


def test_a_host_that_nobody_knows(opened: Opened) -> None:
    error = refused(opened, host="no.such.host.invalid", retries=0)
    assert "no.such.host.invalid" in error.message


def test_ssl_that_the_server_has_not(opened: Opened) -> None:
    error = refused(opened, sslmode="require")
    assert error.message == "the server has no SSL, and `sslmode` of the profile asks for it"
    assert "sslmode: prefer" in error.problems[0].hint
    assert opened(sslmode="prefer").connect().execute("select 1").scalar() == 1


def test_ssl_that_is_checked(opened: Opened, tmp_path: Path) -> None:
    """Encrypted, and the server is who it says it is: by the certificate that the profile names."""
    certificate(tmp_path)
    stranger, _ = certificate(tmp_path, "stranger")
    with own() as server:
        server.stop()
        for name in ("server.crt", "server.key"):
            place = server.data / name
            shutil.copy(tmp_path / name, place)
            place.chmod(0o600)
            owner = server.data.stat()
            os.chown(place, owner.st_uid, owner.st_gid)
        server.settings = {"ssl": "on"}
        try:
            server.start()
        except RuntimeError as error:
            if "SSL is not supported by this build" not in str(error):
                raise
            pytest.skip("the server that is installed here was built without SSL")
        there = {"port": server.port, "dbname": "postgres", "retries": 0}
        encrypted = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
        for fields in ({"sslmode": "require"}, {"sslmode": "verify-full", "sslrootcert": "server.crt"}):
            assert opened(**there, **fields).connect().execute(encrypted).scalar() is True
        assert opened(**there, sslmode="disable").connect().execute(encrypted).scalar() is False
        error = refused(opened, **there, sslmode="verify-full", sslrootcert="gone.crt")
        assert f"are not there: `{tmp_path / 'gone.crt'}`" in error.message
        error = refused(opened, **there, sslmode="verify-ca", sslrootcert=str(stranger))
        assert "certificate verify failed" in error.message
        assert "sslrootcert" in error.problems[0].hint
        error = refused(opened, **there, host="localhost", sslmode="verify-full", sslrootcert="server.crt")
        assert "does not match host name" in error.message


def test_too_many_sessions(opened: Opened, server: Server) -> None:
    name = f"few_{DATABASE}"
    server.execute(f"drop role if exists {name}")
    server.execute(f"create role {name} login connection limit 1")
    first = opened(user=name).connect()
    error = refused(opened, user=name, retries=0)
    assert error.transient
    assert "threads" in error.problems[0].hint
    first.close()


def test_what_is_wrong_in_the_profile_is_raised_before_anything_is_tried(opened: Opened) -> None:
    adapter = opened(port="five", sslmode="on", usr="x")
    assert [problem.severity for problem in adapter.problems] == ["warning", "error", "error"]
    with pytest.raises(ProjectError) as caught:
        adapter.connect()
    assert len(caught.value.problems) == 2


def test_attempts_are_as_many_as_the_profile_says(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[float] = []
    attempt = connecting._attempt

    def counted(opening: Any) -> Any:
        tried.append(time.monotonic())
        return attempt(opening)

    monkeypatch.setattr(connecting, "_attempt", counted)
    for retries, attempts in ((0, 1), (2, 3)):
        tried.clear()
        refused(opened, port=1, retries=retries)
        assert len(tried) == attempts
    tried.clear()
    refused(opened, dbname="no_such_database", retries=5)
    assert len(tried) == 1


def test_a_server_that_is_starting_is_waited_for(opened: Opened, server: Server) -> None:
    """It says that it takes no connections yet; `retries` counts other things."""
    with own(hot_standby="off") as slow:
        slow.stop()
        (slow.data / "standby.signal").touch()
        slow.start()
        adapter = opened(port=slow.port, dbname="postgres", retries=0)
        promoted = threading.Timer(0.5, slow.promote)
        promoted.start()
        assert adapter.connect().execute("select pg_is_in_recovery()").scalar() is False
        promoted.join()


def test_a_server_that_hangs_is_given_up(opened: Opened) -> None:
    """Connected to, and no answer: `connect_timeout` ends it."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = refused(opened, port=silent.getsockname()[1], connect_timeout=2, retries=0)
    assert error.message == "the PostgreSQL server does not answer in time"
    assert error.transient


def test_cancelling_takes_no_time_when_the_server_is_away(opened: Opened, server: Server) -> None:
    with Proxy(server.host, server.port) as proxy:
        session = opened(port=proxy.port).connect()
        ended: list[DatabaseError] = []

        def work() -> None:
            with pytest.raises(DatabaseError) as caught:
                session.execute("select pg_sleep(600)")
            ended.append(caught.value)

        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(0.2)
        proxy.shut()
        session.cancel()
        thread.join(30)
        assert not thread.is_alive()
        assert ended[0].lost
        session.close()


def test_no_error_of_a_statement_tells_the_password(opened: Opened, user: str) -> None:
    session = opened(user=user, password=SECRET).connect()
    quoted = SECRET.replace("'", "''")
    with pytest.raises(DatabaseError) as caught:
        session.execute(f"select cast('{quoted}' as integer)")
    assert "s3cret" not in caught.value.message
    assert os.environ.get("PGPASSWORD") is None

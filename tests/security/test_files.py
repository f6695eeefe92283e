"""Files of our own: modes, whole or not at all, no link followed, nothing trusted that was damaged or made by others."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from security.shop import Shop

from eltbuild import disk
from eltbuild.disk import ENDING, open_private, private_folder, read_whole, replacing, sweep, write_whole
from eltbuild.project.cache import PROBLEM
from eltbuild.project.seal import NotSealed, cache_key, sealed, unsealed

FILES = {
    "models/a.sql": "{{ config(materialized='table') }} select 1 as x",
    "models/b.sql": "select * from {{ ref('a') }}",
    "models/s.yml": "models: [{name: a, columns: [{name: x, data_tests: [unique]}]}]",
    "macros/m.sql": "{% macro m() %}1{% endmacro %}",
    "seeds/s.csv": "id\n1\n",
}
posix = pytest.mark.skipif(os.name == "nt", reason="there are no modes and links to speak of")


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    """Sets the umask for one test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


# Modes ------------------------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
def test_files_that_can_hold_secrets_are_for_their_owner_only(
    shop: Shop, umask: Callable[[int], int], mask: int
) -> None:
    shop.write(FILES)
    (shop.root / "target").mkdir()
    (shop.root / "logs").mkdir()
    for folder in ("compiled/shop/models", "run"):
        (shop.root / "target" / folder).mkdir(parents=True)
    umask(mask if os.geteuid() == 0 or mask != 0o777 else 0o077)
    assert shop.call("build").code == 0
    assert shop.call("docs", "generate").code == 0
    umask(0o022)
    found = [path for path, _ in shop.left()]
    names = {path.name for path in found}
    assert {
        "manifest.json",
        "run_results.json",
        "catalog.json",
        "a.sql",
        "eltbuild.log",
        "key",
        "mentions.json",
    } <= names
    for path in found:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE((shop.root / "target/cache").stat().st_mode) == 0o700
    assert stat.S_IMODE((shop.home / ".cache/eltbuild").stat().st_mode) == 0o700


@posix
def test_artifacts_that_are_meant_to_be_shared_follow_the_umask(shop: Shop, umask: Callable[[int], int]) -> None:
    shop.write(FILES)
    shop.monkeypatch.setenv("ELTBUILD_SHARE_ARTIFACTS", "1")
    umask(0o002)
    assert shop.call("build").code == 0
    shared = {"manifest.json", "run_results.json"}
    for path, _ in shop.left():
        assert stat.S_IMODE(path.stat().st_mode) == (0o664 if path.name in shared else 0o600), path


@posix
def test_files_of_older_versions_are_closed_to_others(shop: Shop) -> None:
    shop.write(
        {**FILES, "logs/eltbuild.log": "old\n", "target/manifest.json": "{}", "target/cache/mentions.json": "{}"}
    )
    for name in ("logs/eltbuild.log", "target/manifest.json", "target/cache/mentions.json"):
        (shop.root / name).chmod(0o644)
    shop.call("build")
    for name in ("logs/eltbuild.log", "target/manifest.json", "target/cache/mentions.json"):
        assert stat.S_IMODE((shop.root / name).stat().st_mode) == 0o600
    assert (shop.root / "logs/eltbuild.log").read_text().startswith("old\n")


@posix
def test_a_new_file_is_never_open_to_others(tmp_path: Path, umask: Callable[[int], int]) -> None:
    umask(0)
    modes = []
    with replacing(tmp_path / "x") as file:
        modes = [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()]
        file.write(b"secret")
    assert modes == [0o600]


# Whole or not at all ----------------------------------------------------------------------------------------


def test_a_failure_leaves_what_stood_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_whole(path, b"old")
    with pytest.raises(RuntimeError), replacing(path) as file:
        file.write(b"new")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert [*tmp_path.iterdir()] == [path]


def test_a_reader_and_several_writers_meet_whole_files_only(tmp_path: Path) -> None:
    path, seen, stop = tmp_path / "x", set(), threading.Event()
    write_whole(path, b"0" * 50_000)

    def read() -> None:
        while not stop.is_set():
            data = read_whole(path)
            seen.add((len(data), len(set(data))))

    def write(digit: bytes) -> None:
        for _ in range(60):
            sweep(tmp_path)
            write_whole(path, digit * 50_000)

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(digit,)) for digit in (b"1", b"2", b"3")]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert seen == {(50_000, 1)}
    assert [*tmp_path.iterdir()] == [path]


KILLED = """
import os, sys, time
from eltbuild.disk import replacing
with replacing(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    print("written", flush=True)
    time.sleep(60)
"""


@posix
def test_what_a_killed_writer_leaves_is_swept_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_whole(path, b"old")
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"written\n"
    sweep(tmp_path)
    assert len([*tmp_path.glob(f".*{ENDING}")]) == 1
    process.kill()
    process.wait()
    process.stdout.close()
    assert path.read_bytes() == b"old"
    sweep(tmp_path)
    assert [*tmp_path.iterdir()] == [path]


@posix
def test_leftovers_of_a_killed_call_are_gone_after_the_next_one(shop: Shop) -> None:
    shop.write(FILES)
    shop.call("build")
    folders = ["target", "target/cache", "target/compiled/shop/models"]
    for folder in folders:
        (shop.root / folder / f".0123456789abcdef{ENDING}").write_bytes(b"half")
    shop.write({"models/a.sql": "{{ config(materialized='table') }} select 2 as x"})
    shop.call("build")
    for folder in folders:
        assert not [*(shop.root / folder).glob(f".*{ENDING}")], folder


@posix
def test_only_files_of_ours_are_swept(tmp_path: Path) -> None:
    other = [tmp_path / f"x{ENDING}", tmp_path / ".mine", tmp_path / ".eltbuild"]
    for path in other:
        path.write_bytes(b"x")
    link = tmp_path / f".link{ENDING}"
    link.symlink_to(other[0])
    os.mkfifo(tmp_path / f".pipe{ENDING}")
    (tmp_path / f".folder{ENDING}").mkdir()
    fresh = tmp_path / f".fresh{ENDING}"
    fresh.touch()
    sweep(tmp_path)
    assert all(path.exists() for path in (*other, link, fresh))
    os.utime(fresh, (time.time() - 60, time.time() - 60))
    sweep(tmp_path)
    assert not fresh.exists()


# Links and other things in the place of files ---------------------------------------------------------------


@posix
def test_links_are_replaced_and_never_followed(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    names = ["target/manifest.json", "target/run_results.json", "target/cache/mentions.json",
             "target/compiled/shop/models/a.sql", "logs/eltbuild.log"]  # fmt: skip
    shop.write(FILES)
    for number, name in enumerate(names):
        victim = outside / f"victim{number}"
        victim.write_text("untouched")
        (shop.root / name).parent.mkdir(parents=True, exist_ok=True)
        (shop.root / name).symlink_to(victim)
    done = shop.call("build")
    assert done.code == 0
    assert {path.read_text() for path in outside.iterdir()} == {"untouched"}
    assert "is a link, which is not followed" in done.said
    for name in names[:4]:
        assert not (shop.root / name).is_symlink()


@posix
def test_a_link_to_a_folder_elsewhere_gets_no_compiled_text(
    shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    shop.write(FILES)
    (shop.root / "target/compiled/shop").mkdir(parents=True)
    (shop.root / "target/compiled/shop/models").symlink_to(outside)
    assert shop.call("build").code == 0
    assert [*outside.iterdir()] == []


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _folder(path: Path) -> None:
    path.mkdir()


def _full_folder(path: Path) -> None:
    path.mkdir()
    (path / "mine").write_text("x")


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def _itself(path: Path) -> None:
    path.symlink_to(path.name)


THINGS = [_fifo, _device, _folder, _dangling, _itself]


@posix
@pytest.mark.parametrize("thing", THINGS)
def test_whatever_stands_in_the_place_of_a_file_hangs_nobody(shop: Shop, thing: Callable[[Path], None]) -> None:
    shop.write(FILES)
    assert shop.call("build").code == 0
    made = [
        path for path, _ in shop.left() if path.is_relative_to(shop.root) and path.suffix in (".json", ".log", ".sql")
    ]
    for path in made:
        path.unlink()
        thing(path)
    shop.write({"models/a.sql": "{{ config(materialized='table') }} select 2 as x"})
    done = shop.call("build")
    assert done.code == 0, done.said
    assert "Traceback" not in done.said
    assert json.loads((shop.root / "target/manifest.json").read_text())["nodes"]
    assert (shop.root / "target/compiled/shop/models/a.sql").is_file()


def test_a_folder_with_something_in_it_is_left_alone_and_told(shop: Shop) -> None:
    shop.write(FILES)
    (shop.root / "target").mkdir()
    _full_folder(shop.root / "target/run_results.json")
    done = shop.call("build")
    assert done.code == 2
    assert "cannot write" in done.said
    assert (shop.root / "target/run_results.json/mine").read_text() == "x"


def test_reading_refuses_what_is_no_file_and_what_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    assert read_whole(tmp_path / "x", 5) == b"12345"
    with pytest.raises(OSError, match="too large"):
        read_whole(tmp_path / "x", 4)
    with pytest.raises(OSError, match=r"no file|Is a directory|denied"):
        read_whole(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_whole(tmp_path / "y")


@posix
def test_a_log_is_appended_to_and_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "logs/x.log"
    for text in (b"one\n", b"two\n"):
        with open_private(path) as file:
            file.write(text)
        path.chmod(0o644)
    with open_private(path):
        pass
    assert path.read_bytes() == b"one\ntwo\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_private_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    with pytest.raises(OSError, match="a file stands"):
        private_folder(tmp_path / "x")
    assert (tmp_path / "x").read_text() == "mine"


# A disk that refuses ----------------------------------------------------------------------------------------


def rows(shop: Shop, sql: str) -> list[tuple[object, ...]]:
    import duckdb

    with duckdb.connect(str(shop.root / "shop.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_where_nothing_can_be_written_the_data_is_published_all_the_same(shop: Shop) -> None:
    shop.write({**FILES, "blocked": "a file"})
    done = shop.call("build", "--target-path", "blocked/target", "--log-path", "blocked/logs")
    assert done.code == 2
    assert rows(shop, "select x from a") == [(1,)]
    assert "cannot write" in done.said
    assert "no log is written" in done.said
    assert "nothing can be kept there" in done.said
    assert done.said.count("nothing can be kept there") == 1
    assert "Traceback" not in done.said
    assert shop.call("build", "--target-path", "blocked/target", "--no-write-json").code == 0


@posix
def test_a_disk_that_is_full_costs_artifacts_and_nothing_else(shop: Shop) -> None:
    """No file of ours can grow beyond some bytes in that process, as on a disk with no more room.

    A limit of the system's would be one for the engine, too, which writes at the same time.
    """
    shop.write({**FILES, "models/c.sql": "select '" + "x" * 5000 + "' as x"})
    script = (
        "import contextlib, errno\n"
        "from eltbuild import disk\n"
        "replacing = disk.replacing\n"
        "class Narrow:\n"
        "    def __init__(self, file): self.file = file\n"
        "    def __getattr__(self, name): return getattr(self.file, name)\n"
        "    def write(self, data):\n"
        "        if self.file.tell() + len(data) > 2000: raise OSError(errno.ENOSPC, 'No space left on device')\n"
        "        return self.file.write(data)\n"
        "@contextlib.contextmanager\n"
        "def narrow(*a, **k):\n"
        "    with replacing(*a, **k) as file: yield Narrow(file)\n"
        "disk.replacing = narrow\n"
        "from eltbuild.cli import main; main(['build'])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=shop.root, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "cannot write" in done.stderr
    assert "make room on this disk" in done.stderr
    assert "Traceback" not in done.stderr
    assert rows(shop, "select count(*) from c") == [(1,)]
    assert not [*(shop.root / "target").rglob(f".*{ENDING}")]


# Seals ------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=200), st.binary(min_size=1, max_size=32))
def test_what_was_sealed_comes_back(data: bytes, key: bytes) -> None:
    assert unsealed(sealed(data, key), key) == data
    with pytest.raises(NotSealed):
        unsealed(sealed(data, key), key + b"x" if len(key) < 32 else key[:-1] + bytes([key[-1] ^ 1]))


@given(st.binary(min_size=1, max_size=60), st.data())
def test_any_change_breaks_a_seal(data: bytes, draw: st.DataObject) -> None:
    good = sealed(data, b"key")
    place = draw.draw(st.integers(0, len(good) - 1))
    changed = bytearray(good)
    changed[place] ^= draw.draw(st.integers(1, 255))
    for bad in (bytes(changed), good[:place], good + b"x"):
        with pytest.raises(NotSealed):
            unsealed(bad, b"key")


def test_the_key_is_made_once_and_read_by_its_owner_only(tmp_path: Path) -> None:
    key = cache_key({}, tmp_path)
    assert key is not None
    assert len(key) == 32
    assert cache_key({}, tmp_path) == key
    path = tmp_path / ".cache/eltbuild/key"
    for damage in (b"", b"xyz", b"0" * 63, b"\xff" * 64):
        path.write_bytes(damage)
        path.chmod(0o600)
        assert cache_key({}, tmp_path) not in (None, key)


@posix
def test_a_key_that_others_can_read_or_have_made_is_of_no_use(tmp_path: Path) -> None:
    key = cache_key({}, tmp_path)
    path = tmp_path / ".cache/eltbuild/key"
    path.chmod(0o644)
    other = cache_key({}, tmp_path)
    assert other not in (None, key)
    elsewhere = tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    assert cache_key({}, tmp_path) not in (None, other)
    assert not path.is_symlink()


def test_where_a_key_can_lie(tmp_path: Path) -> None:
    key = cache_key({"XDG_CACHE_HOME": str(tmp_path / "x")}, Path("~"))
    assert key is not None
    assert (tmp_path / "x/eltbuild/key").is_file()
    assert cache_key({}, Path("~")) is None
    (tmp_path / "file").write_text("x")
    assert cache_key({}, tmp_path / "file") is None
    one, two = (cache_key({"ELTBUILD_CACHE_KEY": text}, Path("~")) for text in ("a", "b"))
    assert one is not None
    assert one != two


def test_without_a_place_for_a_key_nothing_is_kept_and_that_is_told(shop: Shop) -> None:
    shop.write({**FILES, "blocked": "a file"})
    shop.monkeypatch.setenv("XDG_CACHE_HOME", str(shop.root / "blocked"))
    done = shop.call("build", "--warn-error")
    assert done.code == 0, done.said
    assert done.said.count("there is no place for a key") == 1
    assert not (shop.root / "target/cache").exists()
    assert "key" not in shop.call("build", "--no-partial-parse").said


# Caches -----------------------------------------------------------------------------------------------------


def caches(shop: Shop) -> list[Path]:
    return sorted((shop.root / "target/cache").glob("*.json"))


def compiled(shop: Shop) -> str:
    return (shop.root / "target/compiled/shop/models/a.sql").read_text()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda data: b"",
    "cut in half": lambda data: data[: len(data) // 2],
    "cut by a byte": lambda data: data[:-1],
    "longer": lambda data: data + b"\n",
    "garbage": lambda data: bytes(range(256)) * 20,
    "other JSON": lambda data: b'{"metadata": {}, "nodes": {"a": 3}}',
    "nested": lambda data: b"[" * 200_000,
    "pickle": lambda data: b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94.",
    "another version": lambda data: data.replace(b"eltbuild 0", b"eltbuild 9", 1),
    "one letter changed": lambda data: data.replace(b"select 1", b"select 7", 1) + (b"" if b"select 1" in data else b"x"),
    "no seal": lambda data: data.partition(b"\n")[2],
    "sealed by others": lambda data: sealed(data.partition(b"\n")[2], b"their key"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_foreign_cache_is_told_and_made_again(shop: Shop, damage: str) -> None:
    shop.write(FILES)
    assert shop.call("build").code == 0
    good = {path.name: path.read_bytes() for path in caches(shop)}
    assert len(good) >= 4
    assert shop.call("build", "--warn-error").said.count("cache") == 0
    for path in caches(shop):
        path.write_bytes(DAMAGES[damage](path.read_bytes()))
    done = shop.call("build", "--warn-error")
    assert done.code == 0, done.said
    assert "Traceback" not in done.said
    assert "select 1 as x" in compiled(shop)
    # The project's own file is asked first; only where it is of no use are the others looked at, each once.
    for path in caches(shop):
        assert done.said.count(f"{path.name}: the cache file") == 1, done.said
        assert unsealed(path.read_bytes(), cache_key({}, shop.home) or b"")
    assert "the cache file" not in shop.call("build").said


@pytest.mark.parametrize("command", ["ls", "compile", "plan", "parse", "run", "test"])
def test_every_command_says_a_word_about_a_damaged_cache(shop: Shop, command: str) -> None:
    shop.write(FILES)
    shop.call("build")
    for path in caches(shop):
        path.write_bytes(b"x")
    assert "the cache file" in shop.call(command).said


def test_a_cache_cut_anywhere_is_made_again(shop: Shop) -> None:
    shop.write(FILES)
    shop.call("parse")
    (kept,) = (shop.root / "target/cache").glob("project-*.json")
    data = kept.read_bytes()
    for end in [*range(0, 200, 23), *range(200, len(data), 997), len(data) - 1]:
        kept.write_bytes(data[:end])
        done = shop.call("parse")
        assert done.code == 0
        assert "Traceback" not in done.said
        assert "the cache file" in done.said


def test_sql_that_somebody_slips_into_a_cache_is_never_run(shop: Shop) -> None:
    shop.write(FILES)
    assert shop.call("build").code == 0
    for path in caches(shop):
        text = path.read_bytes()
        assert text.count(b"\n") >= 1
        path.write_bytes(text.replace(b"select 1 as x", b"select 666 as x").replace(b"1 as x", b"666 as x"))
    assert shop.call("build", "--full-refresh").code == 0
    assert rows(shop, "select x from a") == [(1,)]


def test_a_cache_that_comes_with_a_project_is_not_believed(
    shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shop.write(FILES)
    shop.call("build")
    shop.monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("another-home")))
    done = shop.call("build")
    assert done.code == 0
    assert "was written by somebody else or on another machine" in done.said
    assert "the cache file" not in shop.call("build").said


def test_a_cache_travels_between_machines_that_have_one_key(
    shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shop.monkeypatch.setenv("ELTBUILD_CACHE_KEY", "of our build machines")
    shop.write(FILES)
    shop.call("parse")
    shop.monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("another-home")))
    done = shop.call("parse")
    assert "(unchanged)" in done.said
    assert "cache" not in done.said


def test_what_is_told_of_caches_is_not_kept_in_them(shop: Shop) -> None:
    shop.write(FILES)
    shop.call("parse")
    for path in caches(shop):
        path.write_bytes(b"x")
    assert "the cache file" in shop.call("parse").said
    for path in caches(shop):
        assert PROBLEM.encode() not in path.read_bytes()
    assert "the cache file" not in shop.call("parse").said


def test_two_calls_at_once_do_not_get_in_each_others_way(shop: Shop) -> None:
    shop.write(FILES)
    command = [sys.executable, "-m", "eltbuild", "parse"]
    running = [
        subprocess.Popen(command, cwd=shop.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(4)
    ]
    for process in running:
        _, said = process.communicate()
        assert process.returncode == 0, said
    done = shop.call("parse")
    assert "(unchanged)" in done.said
    assert not [*(shop.root / "target").rglob(f".*{ENDING}")]


# Artifacts that are read ------------------------------------------------------------------------------------

FOREIGN = [b"", b"{", b"[]", b"null", b'"x"', b"{}", b'{"results": 1}', b'{"results": [1, null, [], "x"]}',
           b'{"results": [{"unique_id": 1, "status": "error"}]}', b'{"results": [{"unique_id": "model.shop.a"}]}',
           b'{"args": [], "results": [{"unique_id": "model.shop.a", "status": "error"}]}',
           b'{"args": {"which": []}, "results": [{"unique_id": "model.shop.a", "status": ["error"]}]}',
           b'{"args": {"full_refresh": {}, "select": 1, "vars": 3}, "results": [{"unique_id": "model.shop.a", "status": '
           b'"error", "batch_results": 1}]}',
           b'{"results": [{"unique_id": "model.shop.a", "status": "partial success", "batch_results": {"failed": [1, []]}}]}',
           b'{"results": [{"unique_id": "model.shop.a", "status": "partial success", "batch_results": {"failed": '
           b'[["x", "y"]]}}]}',
           b'{"nodes": 1, "metadata": 2}', b'{"nodes": {"model.shop.a": 1}, "sources": []}',
           b'{"nodes": {"model.shop.a": {"name": 1, "schema": [], "database": {}, "config": 3, "checksum": 4}}}',
           b"[" * 100_000, b"{\"a\":" * 100_000, b"\xff\xfe", b"\x00" * 100]  # fmt: skip


@pytest.mark.parametrize("content", FOREIGN, ids=lambda content: repr(content[:70]))
def test_foreign_artifacts_end_nothing_in_a_traceback(shop: Shop, content: bytes) -> None:
    shop.write(FILES)
    shop.call("build")
    (shop.root / "state").mkdir()
    for folder in ("target", "state"):
        for name in ("manifest.json", "run_results.json", "sources.json", "catalog.json"):
            (shop.root / folder / name).write_bytes(content)
    for command in (["retry"], ["retry", "--state", "state"], ["build", "--select", "state:modified", "--state", "state"],
                    ["ls", "--select", "result:error", "--state", "state"], ["build", "--defer", "--state", "state"],
                    ["ls", "--select", "source_status:fresher+", "--state", "state"], ["build"]):  # fmt: skip
        done = shop.call(*command)
        assert "fault in eltbuild" not in done.said, command
        assert "Traceback" not in done.said
        assert "nested, or calls itself" not in done.said, command


def test_the_module_that_writes_files_is_used_by_all_that_write() -> None:
    """Whoever opens a file to write it does so here, or has a reason that stands in this list."""
    known = {
        "eltbuild/disk.py", "eltbuild/process.py", "eltbuild/commands/init.py",
        "eltbuild/project/packages/archives.py", "eltbuild/project/packages/downloads.py",
    }  # fmt: skip
    root = Path(disk.__file__).parent
    writers = set()
    for path in root.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if re.search(r"""open\([^)\n]*["'][wxa]b?["']|write_text\(|write_bytes\(|mkstemp\(""", text):
            name = path.relative_to(root.parent).as_posix()
            writers.add(name)
    theirs = {name for name in writers if name.startswith(("eltbuild/run/", "eltbuild/state/"))}
    assert writers - theirs <= known

"""Processes that are asked to end by a signal, as a shell, a scheduler or a container engine does it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")

LONG = "select sum(a.range * b.range) as s from range(10000000) as a, range(10000000) as b"
ADAPTERS = Path(__file__).parents[3] / "adapters"


@dataclass(slots=True)
class Process:
    """A process of eltbuild's in a folder, and what it has written."""

    folder: Path
    running: subprocess.Popen[bytes]

    @property
    def said(self) -> str:
        """What it has said so far."""
        return (self.folder / "said").read_text(errors="replace")

    def when(self, text: str) -> None:
        """Wait until it has said that."""
        end = time.monotonic() + 60
        while text not in self.said and self.running.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        assert text in self.said, self.said

    def asked(self, *signals: int) -> int:
        """The code with which it leaves after these signals."""
        for number in signals:
            self.running.send_signal(number)
        return self.running.wait(60)

    def statuses(self) -> Mapping[str, str]:
        """How nodes ended, as the artifact has it."""
        value = json.loads((self.folder / "target/run_results.json").read_text())
        return {result["unique_id"].split(".")[-1]: result["status"] for result in value["results"]}


Begin = Callable[..., Process]


@pytest.fixture
def begin(tmp_path: Path) -> Begin:
    """Start a command in a project with these files."""

    def start(files: Mapping[str, str], command: Sequence[str], before: Callable[[], Any] | None = None) -> Process:
        for path, text in {"eltbuild.yml": "name: shop\n", **files}.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ADAPTERS.parent), str(ADAPTERS)])}
        with (tmp_path / "said").open("wb") as said:
            running = subprocess.Popen(
                [sys.executable, "-m", "eltbuild", *command],
                cwd=tmp_path, env=environ, stdin=subprocess.DEVNULL, stdout=said, stderr=said, preexec_fn=before,
            )  # fmt: skip
        return Process(tmp_path, running)

    return start


MODELS = {
    "models/quick.sql": "{{ config(materialized='table') }} select 1 as id",
    "models/long.sql": f"{{{{ config(materialized='table') }}}} -- depends_on: {{{{ ref('quick') }}}}\n{LONG}",
    "models/below.sql": "select * from {{ ref('long') }}",
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_is_cancelled_told_and_ends_with_the_signals_code(begin: Begin, number: int) -> None:
    process = begin(MODELS, ["run"])
    process.when("START    table  main.long")
    # Whoever sends it to all processes of a group sends it more than once.
    assert process.asked(number, number, number) == 128 + number
    assert process.statuses() == {"quick": "success", "long": "error", "below": "skipped"}
    assert "CANCEL" in process.said
    assert "the run was interrupted" in process.said


def test_a_hook_of_the_run_is_cancelled_and_nothing_is_run(begin: Begin) -> None:
    project = f"name: shop\non-run-start: ['{LONG}']\non-run-end: ['create table ended as select 1 as i']\n"
    process = begin({"models/quick.sql": "select 1 as id", "eltbuild.yml": project}, ["run"])
    process.when("run on target dev")
    time.sleep(0.5)
    assert process.asked(signal.SIGTERM) == 128 + signal.SIGTERM
    assert process.statuses() == {"shop-on-run-start-0": "error", "quick": "skipped"}


def test_where_ctrl_c_is_ignored_on_purpose_termination_works(begin: Begin) -> None:
    process = begin(MODELS, ["run"], before=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    process.when("START    table  main.long")
    process.running.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.running.poll() is None
    assert process.asked(signal.SIGTERM) == 128 + signal.SIGTERM


def test_a_query_outside_of_any_run_is_cancelled_too(begin: Begin) -> None:
    process = begin({}, ["show", "--inline", f"-- here\n{LONG}", "--log-level-file", "debug"])
    time.sleep(3)
    assert process.asked(signal.SIGINT) == 128 + signal.SIGINT
    assert process.said.strip() == "stopped"


def test_the_next_attempt_is_not_waited_for(begin: Begin) -> None:
    project = "name: shop\nprofile: shop\n"
    output = "{type: postgres, host: 127.0.0.1, port: 1, user: nobody, dbname: none, schema: s}"
    profiles = f"shop: {{target: dev, outputs: {{dev: {output}}}}}\n"
    process = begin({**MODELS, "eltbuild.yml": project, "profiles.yml": profiles}, ["run"])
    process.when("attempt 2 of 5")
    assert process.asked(signal.SIGTERM) == 128 + signal.SIGTERM
    assert not (process.folder / "target/run_results.json").exists()


def test_what_hangs_in_python_does_not_hold_the_process(begin: Begin) -> None:
    hanging = "def model(dbt, session):\n    import time\n    time.sleep(600)\n    return 1\n"
    process = begin({"models/hanging.py": hanging}, ["run"])
    process.when("START")
    assert process.asked(signal.SIGTERM) == 128 + signal.SIGTERM
    assert process.statuses() == {"hanging": "error"}


def test_at_any_moment_it_ends_and_never_with_a_fault(begin: Begin) -> None:
    for pause in (0.3, 0.6, 0.9, 1.2):
        process = begin(MODELS, ["run", "--no-partial-parse"])
        time.sleep(pause)
        # Before Python has set its handlers the signal's own default ends it.
        assert process.asked(signal.SIGTERM) in (128 + signal.SIGTERM, -signal.SIGTERM)
        assert "fault" not in process.said


def test_a_reader_that_has_gone_is_no_fault(begin: Begin) -> None:
    process = begin(MODELS, ["ls"])
    assert process.running.wait(60) == 0
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "eltbuild", "ls"]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ADAPTERS.parent), str(ADAPTERS)])}
    ended = subprocess.run(
        command, cwd=process.folder, env=environ, stdout=write, stderr=subprocess.PIPE, timeout=60, check=False
    )
    os.close(write)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_output_that_cannot_be_written_is_told(begin: Begin) -> None:
    process = begin(MODELS, ["ls"])
    assert process.running.wait(60) == 0
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ADAPTERS.parent), str(ADAPTERS)])}
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "eltbuild", "ls"]
        ended = subprocess.run(
            command, cwd=process.folder, env=environ, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False
        )
    assert ended.returncode == 2
    assert b"No space left on device" in ended.stderr


# PostgreSQL


def test_nothing_goes_on_at_a_server(begin: Begin) -> None:
    from servers.postgres import shared

    server = shared()
    fields = {**server.fields(schema=f"stopping_{os.getpid()}"), "application_name": f"stopping_{os.getpid()}"}
    files = {
        "eltbuild.yml": "name: shop\nprofile: shop\n",
        "profiles.yml": json.dumps({"shop": {"target": "dev", "outputs": {"dev": fields}}}),
        "models/long.sql": "{{ config(materialized='table') }} select pg_sleep(600)::text as slept",
        "models/busy.sql": "select 1 as id",
        "models/below.sql": "select * from {{ ref('long') }}",
    }
    process = begin(files, ["run"])
    process.when("START    table")
    process.when("OK       view")
    try:
        assert process.asked(signal.SIGTERM) == 128 + signal.SIGTERM
        assert process.statuses() == {"busy": "success", "long": "error", "below": "skipped"}
        left = f"select count(*) from pg_stat_activity where application_name = '{fields['application_name']}'"
        end = time.monotonic() + 30
        while server.execute(left) != [(0,)]:
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        server.execute(f"drop schema if exists {fields['schema']} cascade")

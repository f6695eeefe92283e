"""The console: what it writes, where, and how it behaves when the place it writes to is narrow, old or gone."""

from __future__ import annotations

import io
import os
import re
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from effort import steps

from eltbuild.errors import Place, Problem
from eltbuild.project.project import Project
from eltbuild.report.console import ALIKE, Console, Verbosity
from eltbuild.report.labels import labels
from eltbuild.report.terminal import Terminal, terminal_of
from eltbuild.report.text import width_of
from eltbuild.run.events import Event, Finished, Message, RunFinished, RunStarted, Started
from eltbuild.secrecy import mask_secrets

FIXED = datetime(2026, 1, 2, 12, tzinfo=UTC)
Told = Callable[..., str]


@pytest.fixture
def told(project: Project, events: list[Event]) -> Told:
    """The text that a console writes for some events (by default, the whole run)."""

    def tell(
        *given: Event, terminal: Terminal | None = None, verbosity: Verbosity = "normal", secret: str = "hunter2"
    ) -> str:
        stream = io.StringIO()
        with Console(
            stream,
            labels(project),
            terminal,
            verbosity=verbosity,
            mask=mask_secrets({secret}),
            now=lambda: FIXED,
        ) as console:
            for event in given or events:
                console.handle(event)
        return re.sub(r"^\d\d:\d\d:\d\d", "12:00:00", stream.getvalue(), flags=re.MULTILINE)

    return tell


def test_a_whole_run_as_plain_lines(told: Told) -> None:
    assert (
        told()
        == """\
12:00:00  build on target dev: 6 nodes, 2 threads
12:00:00  1 of 6  START    seed       main.countries
12:00:00  1 of 6  OK       seed       main.countries         336,776 rows    0.42s
12:00:00  2 of 6  START    test       positive
12:00:00  2 of 6  WARN     test       positive                 3 failures    0.10s
12:00:00  3 of 6  START    table      main.orders_v2
12:00:00  3 of 6  ERROR    table      main.orders_v2                         1.50s
              Catalog Error: no table `x`
12:00:00  4 of 6  START    test       unique_orders_v2_id
12:00:00  4 of 6  SKIP     test       unique_orders_v2_id  because of main.orders_v2
12:00:00  5 of 6  START    unit test  orders::adds
12:00:00  5 of 6  PASS     unit test  orders::adds                           0.20s
12:00:00  6 of 6  START    source     raw.events
12:00:00  6 of 6  WARN     source     raw.events              13h 53m old    0.20s
12:00:00
12:00:00  Finished running 1 seed, 1 source, 1 table, 2 tests, 1 unit test in 2.50s.
12:00:00
12:00:00  [WARNING]: in test positive (tests/positive.sql)
12:00:00      Got 3 results, configured to warn if != 0
12:00:00      compiled code at target/compiled/shop/tests/positive.sql
12:00:00
12:00:00  [WARNING]: WARN freshness of raw.events (models/_models.yml)
12:00:00      13h 53m old
12:00:00
12:00:00  [ERROR]: in model main.orders_v2 (models/marts/orders_v2.sql:3:8)
12:00:00      Catalog Error: no table `x`
12:00:00      LINE 3: x
12:00:00      hint: add it
12:00:00      compiled code at target/compiled/shop/models/marts/orders_v2.sql
12:00:00
12:00:00  Completed with failures: 2 succeeded, 1 failed, 2 warnings and 1 skipped
12:00:00  To run again only what failed or was skipped: eltbuild retry
12:00:00  Done. PASS=2 WARN=2 ERROR=1 SKIP=1 NO-OP=0 REUSED=0 TOTAL=6
"""
    )


def test_the_lines_that_schedulers_read_are_there(told: Told) -> None:
    """Cosmos finds the summary and the warnings of tests by these forms, and the summary on the last line."""
    lines = told().splitlines()
    assert re.search(r"Done\..*\bWARN=(\d+)\b.*\bTOTAL=\d+", lines[-1])
    assert any("Finished running" in line for line in lines)
    assert any(re.match(r"\d{2}:\d{2}:\d{2}\s+\[WARNING\]: in test ([\w_]+)", line) for line in lines)
    assert any("WARN freshness of raw.events" in line for line in lines)


def test_quiet_says_only_what_failed(told: Told) -> None:
    text = told(verbosity="quiet")
    assert "[ERROR]: in model main.orders_v2" in text
    assert "positive" not in text
    assert "Done." not in text


def test_quiet_and_good_says_nothing(told: Told) -> None:
    run = [
        RunStarted("run", ("seed.shop.countries",), 1, FIXED, "id"),
        Started("seed.shop.countries", 1, 1, "t", FIXED),
        Finished(node="seed.shop.countries", status="success", index=1, total=1),
        RunFinished(0.1, FIXED),
    ]
    assert told(*run, verbosity="quiet") == ""
    assert "Completed: 1 succeeded" in told(*run)


def test_debug_shows_sql_and_timings(told: Told, events: list[Event]) -> None:
    sql = Message("select 1\nfrom x", level="debug", kind="sql", node="seed.shop.countries", seconds=0.25)
    text = told(*events[:2], sql, *events[2:], verbosity="debug")
    assert "main.countries: SQL in 0.25s" in text
    assert "    from x" in text
    assert "compile 0.01s, execute 0.40s" in text
    assert "select 1" not in told(*events[:2], sql, *events[2:])


def test_secrets_and_control_characters_never_get_through(told: Told) -> None:
    error = Problem("login hunter2 failed\x1b[2J\x1b]0;title\x07 \x00here", Place("a.sql"), "not hunter2")
    text = told(
        Message("said hunter2\x1b[31m", kind="log"),
        Message("", problem=error),
        Finished(node="model.shop.orders.v2", status="error", error=error, index=1, total=1),
        RunFinished(1, FIXED),
        terminal=Terminal(width=100, colour=False),
    )
    assert "hunter2" not in text
    assert "\x1b" not in text
    assert "\x00" not in text
    assert "login ***** failed here" in text


@pytest.mark.parametrize("width", [30, 44, 59, 60, 79, 80, 100, 200])
def test_lines_of_nodes_fit_the_terminal(told: Told, events: list[Event], width: int) -> None:
    text = told(*events[:-1], terminal=Terminal(width=width))
    lines = [line for line in text.splitlines() if re.search(r"\b(START|OK|WARN|PASS|ERROR) ", line)]
    assert len(lines) >= 6
    assert [line for line in lines if width_of(line) > width] == []


def test_no_sequences_without_colour_and_some_with(told: Told) -> None:
    assert "\x1b" not in told(terminal=Terminal(width=100, colour=False))
    assert "\x1b[32mOK" in told(terminal=Terminal(width=100, colour=True))


def test_warnings_alike_are_shown_a_few_times_and_counted(told: Told) -> None:
    warnings = [
        Message("", problem=Problem(f"old key {index}", severity="warning", name="OldKey")) for index in range(20)
    ]
    text = told(*warnings)
    assert text.count("old key") == ALIKE
    assert f"{20 - ALIKE} more warnings `OldKey`" in text
    assert told(*warnings, verbosity="debug").count("old key") == 20
    assert told(*warnings, verbosity="quiet") == ""


def test_endless_errors_are_shortened(told: Told) -> None:
    error = Problem("\n".join(["x" * 5000] * 500))
    finished = Finished(node="model.shop.orders.v2", status="error", error=error, index=1, total=1)
    text = told(Message("", problem=error), finished, RunFinished(1, FIXED))
    assert text.count("... and 460 more lines, all in the log") == 2
    assert max(map(len, text.splitlines())) < 5100
    assert len(text) < 200_000


def test_printed_text_is_data_and_goes_to_the_other_stream(project: Project) -> None:
    stream, out = io.StringIO(), io.StringIO()
    with Console(stream, labels(project), verbosity="quiet", out=out) as console:
        console.handle(Message("version: 2", kind="print"))
    assert (stream.getvalue(), out.getvalue()) == ("", "version: 2\n")


def test_nothing_is_said_of_retry_where_that_is_of_no_use(project: Project, events: list[Event]) -> None:
    stream = io.StringIO()
    with Console(stream, labels(project, "view"), program="") as console:
        for event in events:
            console.handle(event)
    assert "retry" not in stream.getvalue()
    assert "view         main.orders_v2" in stream.getvalue() or "view  main.orders_v2" in stream.getvalue()


def test_an_interrupted_run_says_what_was_not_begun(told: Told, events: list[Event]) -> None:
    text = told(*events[:3], RunFinished(1.0, FIXED, interrupted=True))
    assert "Interrupted: 1 succeeded and 5 not begun" in text
    assert "eltbuild retry" in text


class Gone(io.StringIO):
    """A pipe whose reader went away."""

    writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        raise BrokenPipeError


def test_a_reader_that_goes_away_does_not_end_the_run(project: Project, events: list[Event]) -> None:
    stream = Gone()
    with Console(stream, labels(project)) as console:
        for event in events:
            console.handle(event)
    assert stream.writes == 1


def test_a_stream_that_cannot_spell(project: Project) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="strict")
    with Console(stream, labels(project), terminal_of(stream, {})) as console:
        console.handle(Message("grüße", kind="log"))
    assert raw.getvalue().decode("ascii").rstrip().endswith("gr??e")


def test_a_long_silence_is_broken_by_what_still_runs(project: Project, events: list[Event]) -> None:
    now = [0.0]
    stream = io.StringIO()
    console = Console(stream, labels(project), monotonic=lambda: now[0])
    console.handle(events[0])
    console.handle(events[1])
    now[0] = 30.0
    console._tick()
    assert "still running" not in stream.getvalue()
    now[0] = 95.0
    console._tick()
    console._tick()
    assert stream.getvalue().count("still running: main.countries (1m 35s)") == 1
    console.finish()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
@pytest.mark.parametrize("colour", [False, True])
def test_on_a_terminal_lines_scroll_above_a_foot_that_is_gone_at_the_end(
    project: Project, events: list[Event], colour: bool
) -> None:
    import pty

    leader, follower = pty.openpty()
    seen: list[bytes] = []

    def drain() -> None:
        while True:
            try:
                chunk = os.read(leader, 65536)
            except OSError:
                return
            if not chunk:
                return
            seen.append(chunk)

    reader = threading.Thread(target=drain)
    reader.start()
    stream = os.fdopen(follower, "w", encoding="utf-8")
    with Console(stream, labels(project), Terminal(width=100, colour=colour, live=True)) as console:
        for event in events[:-1]:
            console.handle(event)
            if isinstance(event, Started) and event.index == 3:
                deadline = time.monotonic() + 10
                while "━".encode() not in b"".join(seen) and time.monotonic() < deadline:
                    time.sleep(0.02)
        console.handle(events[-1])
    stream.close()
    reader.join(timeout=5)
    os.close(leader)
    text = b"".join(seen).decode()
    assert "main.orders_v2" in text
    assert "━" in text
    assert "1 of 6  START" not in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l"), "the cursor is shown again"
    assert text.rindex("Done. PASS=2") > text.rindex("━")
    assert ("\x1b[32m" in text) == colour


def test_telling_takes_steps_in_proportion(project: Project) -> None:
    lookup = labels(project)

    def tell(number: int) -> None:
        stream = io.StringIO()
        with Console(stream, lookup) as console:
            console.handle(RunStarted("test", ("test.shop.positive",) * number, 4, FIXED, "id"))
            for index in range(number):
                console.handle(Started("test.shop.positive", index, number, "t", FIXED))
                console.handle(Finished(node="test.shop.positive", status="pass", index=index, total=number, at=FIXED))
        assert stream.getvalue().count("PASS") == number

    assert steps(lambda: tell(800)) < 5 * steps(lambda: tell(200))


@pytest.mark.parametrize(
    ("environ", "terminal", "colour", "live"),
    [
        ({}, True, True, True),
        ({}, False, False, False),
        ({"NO_COLOR": "1"}, True, False, True),
        ({"NO_COLOR": ""}, True, True, True),
        ({"FORCE_COLOR": "1"}, False, True, False),
        ({"FORCE_COLOR": "0"}, True, False, True),
        ({"TERM": "dumb"}, True, False, False),
        ({"CI": "true"}, True, True, False),
    ],
)
def test_what_the_environment_says_about_a_terminal(
    environ: dict[str, str], terminal: bool, colour: bool, live: bool
) -> None:
    stream = io.StringIO()
    stream.isatty = lambda: terminal  # type: ignore[method-assign]
    found = terminal_of(stream, environ)
    assert (found.colour, found.live) == (colour, live)
    assert terminal_of(stream, environ, colours=False).colour is False
    assert terminal_of(stream, environ, colours=True).colour is True

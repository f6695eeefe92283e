"""Signals that reach a run: noted, never raised; and the end of a process that hangs all the same."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest

from eltbuild.commands import signals
from eltbuild.commands.signals import asking, heeding
from eltbuild.run.stop import Stop

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")


def test_a_signal_is_noted_and_cancels_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "LONGEST", 1.0)
    stop, cancelled, left = Stop(), threading.Event(), threading.Event()
    codes: list[int] = []

    def leave(code: int) -> None:
        codes.append(code)
        left.set()

    before = signal.getsignal(signal.SIGINT)
    with heeding(stop, cancelled.set, leave):
        os.kill(os.getpid(), signal.SIGINT)
        assert cancelled.wait(20)
        cancelled.clear()
        assert cancelled.wait(20)
    assert stop.number == signal.SIGINT
    assert signal.getsignal(signal.SIGINT) is before
    # The process would be left when it hangs after that.
    assert left.wait(20)
    assert codes == [128 + signal.SIGINT]


def test_without_a_signal_nothing_happens() -> None:
    stop, called = Stop(), threading.Event()
    with heeding(stop, called.set):
        pass
    time.sleep(0.05)
    assert stop.number == 0
    assert not called.is_set()


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert signal.SIGINT not in asking()
        with heeding(Stop(), lambda: None):
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) not in (signal.SIG_DFL, signal.SIG_IGN)
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_hears_nothing_of_signals() -> None:
    found: list[object] = []

    def run() -> None:
        with heeding(Stop(), lambda: None):
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]

"""The file that stands in for the state tables: claims, records, and damage."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eltbuild.relation import Relation
from eltbuild.run.ledger import local_store
from eltbuild.run.ledger.claims import attempt
from eltbuild.run.ledger.local_store import LocalLease, LocalStore
from eltbuild.state.lines import line
from eltbuild.state.records import Built, Ended, Observed, Retention, Run

ORDERS = Relation("shop", "main", "orders")
RUN = Run(
    invocation="aaaa", project="shop", target="dev", home="dev", command="build", claims=(ORDERS.key,), nodes=("a", "b")
)


def store(tmp_path: Path) -> LocalStore:
    made = LocalStore(tmp_path, "dev/../x")
    made.prepare()
    return made


def begun(store: LocalStore, run: Run = RUN) -> Run:
    started = attempt(store, run)
    assert isinstance(started, Run)
    return started


def test_the_file_is_its_owners_only_and_no_part_of_the_repository(tmp_path: Path) -> None:
    made = store(tmp_path)
    begun(made)
    assert made.file.parent == tmp_path / ".eltbuild" / "state"
    assert (tmp_path / ".eltbuild" / ".gitignore").read_text() == "*\n"
    if sys.platform != "win32":
        assert {stat.S_IMODE(path.stat().st_mode) for path in made.folder.iterdir()} == {0o600}


def test_who_lives_keeps_its_claims_and_who_ends_gives_them_back(tmp_path: Path) -> None:
    first = store(tmp_path)
    lease = LocalLease(first, begun(first))
    second, other = store(tmp_path), replace(RUN, invocation="bbbb")
    assert isinstance(attempt(second, other), tuple)
    assert isinstance(attempt(second, replace(other, claims=(("x", "y", "z"),))), Run)
    assert lease.close("success") == ""
    begun(store(tmp_path), other)
    assert [run.status for run in second.runs("shop", "dev")] == ["running", "running", "success"]


def test_a_run_whose_lock_is_free_is_lost(tmp_path: Path) -> None:
    first = store(tmp_path)
    run = begun(first)

    assert first._held is not None
    os.close(first._held)  # as when its process ends
    begun(store(tmp_path), replace(RUN, invocation="bbbb"))
    assert [run.status for run in first.runs("shop", "dev")] == ["running", "lost"]
    assert first.runs("shop", "dev")[1].nodes == run.nodes


def test_records_come_back(tmp_path: Path) -> None:
    made = store(tmp_path)
    run = begun(made)
    lease = LocalLease(made, run)
    built = Built(run=run.number, project="shop", relation=ORDERS, kind="table", node="a")
    ended = Ended(run=run.number, node="b", status="error", message="it's\n'odd' \x85")
    lease.write(built)
    lease.ended(ended)
    lease.close("error")
    found = made.of_run(run)
    assert [replace(one, at=None) for one in found[0]] == [built]
    assert [replace(one, at=None) for one in found[2]] == [ended]


def test_what_was_observed_comes_back_and_is_kept_for_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = store(tmp_path)
    run = begun(made)
    lease = LocalLease(made, run)
    seen = Observed(run=run.number, project="shop", home="dev", node="t", subject="m", name="row_count", value=2.0)
    lease.ended(Ended(run=run.number, node="t", status="pass"), [seen, replace(seen, value=None, detail="[1]")])
    old = replace(seen, at=datetime.now(UTC) - timedelta(days=30))
    made.add([line(old)])
    lease.close("success")
    found = [replace(one, at=None) for one in made.read().observed]
    assert found == [seen, seen, replace(seen, value=None, detail="[1]")]
    monkeypatch.setattr(local_store, "LARGE", 10)
    made.tidy(Retention(days=7))
    assert sorted(one.detail for one in made.read().observed) == ["", "[1]"]


def test_a_cut_line_harms_no_other(tmp_path: Path) -> None:
    made = store(tmp_path)
    run = begun(made)
    with made.file.open("ab") as file:
        file.write(b'{"what":"built","row":[1,"sh\xff')
    LocalLease(made, run).write(Built(run=run.number, project="shop", relation=ORDERS, kind="table"))
    found = made.read()
    assert (found.damaged, len(found.built), list(found.runs)) == (1, 1, [run.number])


def test_a_large_file_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = store(tmp_path)
    run = begun(made)
    lease = LocalLease(made, run)
    for _ in range(50):
        lease.write(Built(run=run.number, project="shop", relation=ORDERS, kind="table"))
    size = made.file.stat().st_size
    made.tidy()
    assert made.file.stat().st_size == size
    monkeypatch.setattr(local_store, "LARGE", 1000)
    made.tidy()
    found = made.read()
    assert made.file.stat().st_size < size / 4
    assert (len(found.built), list(found.runs), found.damaged) == (1, [run.number], 0)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such files")
@pytest.mark.parametrize("suffix", [".jsonl", ".lock"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path, kind: str, suffix: str) -> None:
    made = LocalStore(tmp_path, "dev")
    made.folder.mkdir(parents=True)
    place = made.file.with_suffix(suffix)
    match kind:
        case "pipe":
            os.mkfifo(place)
        case "folder":
            place.mkdir()
        case _:
            place.symlink_to("/dev/zero")
    with pytest.raises(OSError, match="it is no file"):
        made.prepare()
        with made.exclusively():
            made.read()


def test_endings_that_cannot_be_written_are_written_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node's end is told by the run itself: that its record has to wait ends nothing."""
    monkeypatch.setattr(local_store, "TOLD", -1.0)
    made = store(tmp_path)
    run = begun(made)
    lease = LocalLease(made, run)
    hidden = made.folder.with_name("hidden")
    made.folder.rename(hidden)
    made.folder.write_text("a file in the place of the folder")
    lease.ended(Ended(run=run.number, node="a", status="success"))
    assert lease.close("success")
    made.folder.unlink()
    hidden.rename(made.folder)
    lease.ended(Ended(run=run.number, node="b", status="error"))
    assert [(one.node, one.status) for one in made.of_run(run)[2]] == [("a", "success"), ("b", "error")]

"""One trial: a run is hurt, what stands is looked at, a plain next run follows, and all is counted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

from faults.processes import Run, Starter
from faults.stands import SOURCES, Stand, difference

STATE = "eltbuild"
"""The schema in which eltbuild remembers what it has done."""
BUGS = ("Traceback (most recent call last)", "a fault in eltbuild itself")


@dataclass(frozen=True, slots=True)
class Hurt:
    """How a run that was hurt ended."""

    hit: bool
    """Whether the fault came before the run's end."""
    code: int | None = None
    text: str = ""
    where: str = ""
    """The statement at which it came, where that is known."""
    wrong: tuple[str, ...] = ()
    """What the fault itself found to be wrong."""
    after: Callable[[], None] = lambda: None
    """What is left of it to happen, once the next run has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where a trial takes place."""

    stand: Stand
    starter: Starter
    arguments: tuple[str, ...] = ("build",)
    seconds: float = 1.0
    """How long such a run takes when nobody hurts it."""
    statements: int = 0
    """How many statements such a run sends."""

    def start(self, *more: str, **how: Any) -> Run:
        """Begin the run."""
        return self.starter.start(self.stand.folder, (*self.arguments, *more), **how)


Fault: TypeAlias = Callable[[Scene], Hurt]


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What came of one trial. All lists are empty where all is well."""

    engine: str
    kind: str
    fault: str
    point: str
    round: int
    versions: str = ""
    """Of the engine."""
    hit: bool = False
    code: int | None = None
    where: str = ""
    torn: list[str] = field(default_factory=list)
    """Relations in which neither the old nor the new content was found after the fault."""
    lost: int = 0
    """Rows that are missing after the next run."""
    duplicated: int = 0
    """Rows that are there after the next run and should not be."""
    repairs: list[str] = field(default_factory=list)
    """Why the next run alone does not put all in order."""
    wrong: list[str] = field(default_factory=list)
    """What else is not as promised."""
    seconds: float = 0.0
    """How long the run that was hurt took."""
    output: str = ""
    """What was said, where something is wrong."""

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.torn or self.lost or self.duplicated or self.repairs or self.wrong)

    def as_dict(self) -> dict[str, Any]:
        """As a line of the record."""
        return asdict(self)


def tried(scene: Scene, fault: Fault, *, name: str, point: str = "", recovery: str = "build") -> Verdict:
    """Hurt a run of the stand's round; judge what stands after it and after a plain next run, or a `retry`."""
    stand = scene.stand
    verdict = Verdict(engine=stand.database.engine, kind=stand.kind.name, fault=name, point=point, round=stand.round)
    began, before = time.monotonic(), journal(stand)
    hurt = fault(scene)
    verdict.seconds = round(time.monotonic() - began, 2)
    verdict.hit, verdict.code, verdict.where = hurt.hit, hurt.code, hurt.where
    verdict.wrong += hurt.wrong
    if hurt.code is None:
        verdict.wrong.append("the run hangs")
    _judge_between(stand, verdict, "--full-refresh" in scene.arguments)
    code, text = _recovered(scene, recovery, known=journal(stand) > before)
    hurt.after()
    _judge_after(stand, verdict, code)
    texts = hurt.text, text
    verdict.wrong += [f"it says: {bug}" for bug in BUGS if any(bug in text for text in texts)]
    if not verdict.good:
        verdict.output = "\n-- the next run:\n".join(texts)
    return verdict


def _recovered(scene: Scene, recovery: str, known: bool) -> tuple[int | None, str]:
    """The next run: its exit code and what it said. A `retry` of a run of which nothing is known may leave the rest."""
    run = scene.starter.start(scene.stand.folder, recovery.split())
    code = run.wait()
    run.close()
    if recovery != "retry" or known:
        return code, run.text()
    again, text = _recovered(scene, "build", known)
    return again, f"{run.text()}\n-- and then:\n{text}"


def journal(stand: Stand) -> int:
    """How many runs are known in the database."""
    look = stand.database.look()
    try:
        if not any(one.schema == STATE and one.name == "runs" for one in look.relations()):
            return 0
        return int(look.rows(f"select count(*) from {STATE}.runs")[0][0])
    finally:
        look.close()


def _judge_between(stand: Stand, verdict: Verdict, full_refresh: bool) -> None:
    """Old or new, and complete."""
    contents = stand.contents()
    for one in stand.watched:
        found = contents[one.name]
        if found is None:
            if stand.round and not one.lacks:
                verdict.torn.append(f"{one.name} is gone")
        elif found not in one.allowed(stand.world, stand.round, full_refresh):
            missing, extra = difference(found, one.after(stand.world, stand.round))
            verdict.torn.append(
                f"{one.name} has {found.total()} rows; to the new content {missing} lack, {extra} are more"
            )


def _judge_after(stand: Stand, verdict: Verdict, code: int | None) -> None:
    """New, exactly; and nothing else lies about."""
    if code != stand.kind.code:
        verdict.repairs.append("the next run hangs" if code is None else f"the next run ended with {code}")
    contents = stand.contents()
    for one in stand.watched:
        missing, extra = difference(contents[one.name], one.after(stand.world, stand.round))
        verdict.lost += missing
        verdict.duplicated += extra
    verdict.repairs += [f"left over: {one}" for one in leftovers(stand)]


def leftovers(stand: Stand) -> list[str]:
    """What stands in the database and is neither the project's, nor a source, nor eltbuild's own."""
    expected = {(one.schema, one.name, one.kind) for one in stand.watched}
    return [
        str(one)
        for one in stand.relations()
        if one.schema not in {SOURCES, STATE} and (one.schema, one.name, one.kind) not in expected
    ]

"""`dataclass` of eltbuild.values beside the standard library's: the same classes must behave in the same way."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from eltbuild import values

Maker = Callable[..., Any]


def classes(dataclass: Maker) -> dict[str, Any]:
    """One class of each kind, made by that decorator."""

    @dataclass(frozen=True, slots=True)
    class Plain:
        """A value."""

        name: str
        size: int = 1
        tags: list[str] = dataclasses.field(default_factory=list)
        hidden: str = dataclasses.field(default="x", repr=False, compare=False)

        def shout(self) -> str:
            return self.name.upper()

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Named:
        first: int = 0
        second: int

    @dataclass(slots=True)
    class Open:
        count: int
        seen: dict[str, int] = dataclasses.field(default_factory=dict, init=False)
        doubled: int = dataclasses.field(init=False, default=0)

        def __post_init__(self) -> None:
            self.doubled = 2 * self.count

    @dataclass(frozen=True)
    class Wide:
        only: float

    @dataclass(frozen=True, slots=True, eq=False)
    class Itself:
        name: str

    @dataclass(frozen=True, slots=True)
    class Own:
        name: str
        rest: int

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Own) and self.name == other.name

        def __hash__(self) -> int:
            return hash(self.name)

        def __repr__(self) -> str:
            return f"<{self.name}>"

    @dataclass(frozen=True, slots=True)
    class Empty:
        pass

    made = (Plain, Named, Open, Wide, Itself, Own, Empty)
    return {kind.__name__: kind for kind in made}


OURS, THEIRS = classes(values.dataclass), classes(dataclasses.dataclass)
NAN = float("nan")

ATTEMPTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "repr": lambda c: [repr(c["Plain"]("a", tags=["b"])), repr(c["Named"](second=2)), repr(c["Own"]("a", 1))],
    "defaults": lambda c: (c["Plain"]("a").size, c["Plain"]("a").tags, c["Plain"]("a").hidden),
    "defaults are not shared": lambda c: c["Plain"]("a").tags is c["Plain"]("a").tags,
    "methods": lambda c: c["Plain"]("a").shout(),
    "equal": lambda c: (c["Plain"]("a") == c["Plain"]("a", hidden="y"), c["Plain"]("a") == c["Plain"]("b")),
    "another class": lambda c: (c["Wide"](1.0) == 1.0, c["Wide"](1.0).__eq__(1.0)),
    "one field": lambda c: c["Wide"](NAN) == c["Wide"](NAN),
    "own comparison": lambda c: (c["Own"]("a", 1) == c["Own"]("a", 2), hash(c["Own"]("a", 1)) == hash("a")),
    "no comparison": lambda c: c["Itself"]("a") == c["Itself"]("a"),
    "hash": lambda c: hash(c["Wide"](2.5)),
    "hash of what can change": lambda c: hash(c["Open"](1)),
    "hash of a list": lambda c: hash(c["Plain"]("a")),
    "empty": lambda c: (c["Empty"]() == c["Empty"](), repr(c["Empty"]())),
    "post init": lambda c: (c["Open"](3).doubled, c["Open"](3).seen),
    "replaced": lambda c: repr(values.replace(c["Plain"]("a", 5), name="b")),
    "replaced keywords": lambda c: repr(values.replace(c["Named"](second=2), first=7)),
    "fields": lambda c: [(f.name, f.kw_only, f.init) for k in ("Plain", "Named", "Open") for f in values.fields(c[k])],
    "as a mapping": lambda c: dataclasses.asdict(c["Plain"]("a", tags=["b"])),
    "match arguments": lambda c: (c["Plain"].__match_args__, c["Named"].__match_args__),
    "slots": lambda c: (c["Plain"].__slots__, hasattr(c["Plain"]("a"), "__dict__"), hasattr(c["Wide"](1), "__dict__")),
    "copied": lambda c: (copy.copy(c["Plain"]("a")) == c["Plain"]("a"), copy.deepcopy(c["Open"](2)).doubled),
    "name": lambda c: (c["Plain"].__name__, c["Plain"].__module__, c["Plain"].__doc__),
    "missing argument": lambda c: c["Plain"](),
    "argument too many": lambda c: c["Wide"](1, 2),
    "unknown argument": lambda c: c["Wide"](1, wide=2),
    "keyword only": lambda c: c["Named"](1, 2),
    "no parameter": lambda c: c["Open"](1, doubled=3),
    "set": lambda c: setattr(c["Plain"]("a"), "name", "b"),
    "deleted": lambda c: delattr(c["Wide"](1), "only"),
    "set where it may": lambda c: setattr(c["Open"](1), "count", 2),
}


def outcome(attempt: Callable[[dict[str, Any]], Any], kinds: dict[str, Any]) -> Any:
    """What an attempt gives, or the kind of error it raises."""
    try:
        return attempt(kinds)
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("name", ATTEMPTS)
def test_as_the_standard_library(name: str) -> None:
    ours, theirs = (outcome(ATTEMPTS[name], kinds) for kinds in (OURS, THEIRS))
    assert repr(ours) == repr(theirs)


@values.dataclass(frozen=True, slots=True)
class Sent:
    """A value that goes to another process."""

    name: str
    size: int = 3


def test_frozen_values_are_pickled() -> None:
    assert pickle.loads(pickle.dumps(Sent("a"))) == Sent("a")


def test_a_frozen_value_takes_nothing_new() -> None:
    with pytest.raises(FrozenInstanceError):
        Sent("a").other = 1  # type: ignore[attr-defined]


def test_a_mutable_default_is_refused() -> None:
    with pytest.raises(ValueError, match="mutable default"):

        @values.dataclass(frozen=True)
        class Bad:
            items: list[int] = []  # noqa: RUF012

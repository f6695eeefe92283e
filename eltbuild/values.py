"""`dataclass` as in the standard library, made several times faster: a command begins with more than a hundred of them.

The standard library writes the text of six methods for each class and compiles each text by itself, which was up to a
third of the time of a short command. Here only `__init__` is compiled; the other methods are closures over the names of
the fields. What the fields are, their defaults and what `fields`, `replace` and pattern matching read of a class is
still the standard library's own work. `order`, `unsafe_hash`, `init=False` and `InitVar` are not offered.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, FrozenInstanceError, field, fields, replace
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass", "field", "fields", "replace"]

Method = Callable[..., Any]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool = False, slots: bool = False, eq: bool = True, kw_only: bool = False):
        """A class decorator; its arguments mean what they mean to `dataclasses.dataclass`."""

        def made(cls: type) -> type:
            # A class without a docstring would get one made of its signature, which takes long.
            cls.__doc__ = cls.__doc__ or cls.__name__
            dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=kw_only)(cls)
            own = fields(cls)
            methods = {"__init__": _init(cls, own, frozen), "__repr__": _repr}
            if eq:
                methods |= _comparing(own, frozen)
            if frozen:
                methods |= FROZEN
            for name, method in methods.items():
                if cls.__dict__.get(name) is None:
                    setattr(cls, name, method)
            return _slotted(cls, [f.name for f in own]) if slots else cls

        return made


def _init(cls: type, own: tuple[Field[Any], ...], frozen: bool) -> Method:
    """`__init__` with a parameter for each field, those that are keywords only last."""
    known: dict[str, Any] = {"_made": object(), "_set": object.__setattr__}
    positional: list[str] = []
    named: list[str] = []
    body: list[str] = []
    for f in own:
        value = _parameter(f, known, named if f.kw_only else positional) if f.init else _unasked(f, known)
        if value:
            body.append(f" _set(self, {f.name!r}, {value})" if frozen else f" self.{f.name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append(" self.__post_init__()")
    signature = ", ".join(["self", *positional, *(["*", *named] if named else ())])
    made: dict[str, Any] = {}
    exec("\n".join([f"def __init__({signature}):", *(body or [" pass"])]), {**known, "__name__": cls.__module__}, made)
    init: Method = made["__init__"]
    return init


def _parameter(f: Field[Any], known: dict[str, Any], parameters: list[str]) -> str:
    """Add the parameter of a field; the expression of its value. `known` are the names that the text may use."""
    if f.default_factory is not MISSING:
        known[f"_make_{f.name}"] = f.default_factory
        parameters.append(f"{f.name}=_made")
        return f"_make_{f.name}() if {f.name} is _made else {f.name}"
    if f.default is not MISSING:
        known[f"_default_{f.name}"] = f.default
        parameters.append(f"{f.name}=_default_{f.name}")
    else:
        parameters.append(f.name)
    return f.name


def _unasked(f: Field[Any], known: dict[str, Any]) -> str:
    """The expression of the value of a field that is no parameter; empty where it gets none."""
    if f.default_factory is not MISSING:
        known[f"_make_{f.name}"] = f.default_factory
        return f"_make_{f.name}()"
    if f.default is not MISSING:
        known[f"_default_{f.name}"] = f.default
        return f"_default_{f.name}"
    return ""


@recursive_repr()
def _repr(self: Any) -> str:
    told = [f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr]
    return f"{type(self).__qualname__}({', '.join(told)})"


def _comparing(own: tuple[Field[Any], ...], frozen: bool) -> Mapping[str, Method | None]:
    """`__eq__` and `__hash__` by the values of the fields."""
    compared = _values([f.name for f in own if f.compare])
    hashed = _values([f.name for f in own if (f.compare if f.hash is None else f.hash)])

    def __eq__(self: Any, other: Any) -> Any:
        return compared(self) == compared(other) if type(other) is type(self) else NotImplemented

    def __hash__(self: Any) -> int:
        return hash(hashed(self))

    return {"__eq__": __eq__, "__hash__": __hash__ if frozen else None}


def _values(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: tuple([getattr(value, name) for name in names])


def _refuse_setting(self: Any, name: str, value: Any) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deleting(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, f.name) for f in fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for f, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, f.name, value)


FROZEN: Mapping[str, Method] = {
    "__setattr__": _refuse_setting,
    "__delattr__": _refuse_deleting,
    "__getstate__": _state,
    "__setstate__": _restore,
}


def _slotted(cls: type, names: list[str]) -> type:
    """The class made again with slots for the fields: slots cannot be given to a class that is there."""
    body = {name: value for name, value in cls.__dict__.items() if name not in {*names, "__dict__", "__weakref__"}}
    inherited = {slot for base in cls.__mro__[1:] for slot in base.__dict__.get("__slots__", ())}
    body["__slots__"] = tuple(name for name in names if name not in inherited)
    made = type(cls)(cls.__name__, cls.__bases__, body)
    made.__qualname__ = cls.__qualname__
    return made

"""What stands for a name or a member that a template asks for and that is not there.

It prints as nothing, and whatever else is done with it is an error, with one exception: while nothing can be asked of
the warehouse, its members and its calls are as unknown as itself. So a template may write
`adapter.get_relation(...).identifier` without asking first whether anybody answers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jinja2
from jinja2.utils import missing

from eltbuild.jinja.wording import lacking


class _Reading(threading.local):
    blank: Callable[[], bool] | None = None


_READING = _Reading()


def never() -> bool:
    """For `unanswered`: every answer is had."""
    return False


@contextmanager
def unanswered(blank: Callable[[], bool]) -> Iterator[None]:
    """As long as `blank()` says so, what is unknown may be called and looked into."""
    before, _READING.blank = _READING.blank, blank
    try:
        yield
    finally:
        _READING.blank = before


class Unknown(jinja2.Undefined):
    """Jinja's undefined value, which leads to itself where no answer could be had."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        known = self._undefined_obj is not missing and self._undefined_hint is None
        told = lacking(self._undefined_obj, self._undefined_name) if known else ""
        return told or super()._undefined_message

    def _member(self, name: Any) -> Any:
        """What is not there either. The error says `of_member`: whoever only reads the project may go on without it."""
        closed = self._undefined_exception is not jinja2.UndefinedError
        if not closed and _READING.blank is not None and _READING.blank():
            return self
        try:
            return self._fail_with_undefined_error()
        except jinja2.UndefinedError as error:
            error.of_member = True  # type: ignore[attr-defined]
            raise

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._member(name)

    def __getitem__(self, key: Any) -> Any:
        return self._member(key)

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self._member(None)

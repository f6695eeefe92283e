"""How long a template may run and how much it may make. Numbers only; `clock` and `bounds` hold templates to them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache

from eltbuild.errors import Problem, UsageError
from eltbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one rendering."""

    seconds: float = 30.0
    """Processor time, without what the warehouse takes."""
    steps: int = 10_000_000
    """Turns of loops, and calls."""
    size: int = 20_000_000
    """Characters of one text, and of the whole output; an element of a list counts as eight."""
    memory: int = 1 << 30
    """Bytes by which the process may grow."""


VARIABLES: Mapping[str, str] = {
    "seconds": "ELTBUILD_TEMPLATE_SECONDS",
    "steps": "ELTBUILD_TEMPLATE_STEPS",
    "size": "ELTBUILD_TEMPLATE_SIZE",
    "memory": "ELTBUILD_TEMPLATE_MEMORY",
}
"""The environment variables that set other bounds."""


def limits_of(environ: Mapping[str, str]) -> Limits:
    """The bounds that the environment asks for. Raises `UsageError` for what is no number above zero."""
    given: dict[str, int] = {}
    for name, variable in VARIABLES.items():
        text = environ.get(variable)
        if not text:
            continue
        plain = text.replace("_", "")
        if not plain.isascii() or not plain.isdecimal() or len(plain) > 15 or int(plain) == 0:
            raise UsageError(Problem(f"{variable} must be a whole number above zero, and is `{text[:50]}`"))
        given[name] = int(plain)
    return Limits(**given)


@cache
def limits() -> Limits:
    """The bounds of this process."""
    return limits_of(os.environ)

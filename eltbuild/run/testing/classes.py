"""Expectations that are Python classes of the project's own: found in their files, which are run for that.

A file is run once in a process, when the first test that asks for one of its classes is judged; never before. It is
run again where it or one of its neighbours has changed.
"""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Mapping
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from eltbuild.errors import CompileError, Place, Problem
from eltbuild.project.expectation_classes import expectation_name

PREFIX = "eltbuild_expectations_"
"""What the names of packages begin with in which the files are modules: one for each folder."""
_FRAME = re.compile(r'^\s*File "(?P<path>[^"]+)", line (?P<line>\d+)', re.MULTILINE)


def class_of(root: Path, file: str, name: str, place: Place | None) -> Any:
    """The class that an expectation of that name is. Raises `CompileError` with the line of the user's file."""
    path = (root / file).resolve()
    module = _module(root, file, path)
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__ and expectation_name(value.__name__) == name
    ]
    if not found:
        raise CompileError(Problem(f"{file} makes no class for `{name}` when it is run", place))
    if getattr(found[0], "expectation_type", None) != name:
        told = f"`{found[0].__name__}` is not an expectation that can be asked"
        hint = "it must derive from an expectation of the library, and have what that leaves open (`map_metric`)"
        raise CompileError(Problem(told, Place(file, _line(found[0], path)), hint))
    return found[0]


def _line(given: type, path: Path) -> int:
    for number, text in enumerate(path.read_text("utf-8").splitlines(), 1):
        if re.match(rf"class\s+{given.__name__}\b", text):
            return number
    return 1


def _module(root: Path, file: str, path: Path) -> ModuleType:
    """The file as a module of a package that is its folder: `from .other import name` finds its neighbours."""
    # Files that have changed since are other modules: a process may live long.
    told = [str(path.parent), *(each.read_bytes().hex() for each in sorted(path.parent.glob("*.py")))]
    name = PREFIX + sha256("\0".join(told).encode()).hexdigest()[:12]
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(path.parent)]
        sys.modules[name] = package
    own = f"{name}.{path.stem.replace('.', '_')}"
    if own in sys.modules:
        return sys.modules[own]
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec = spec_from_file_location(own, path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[own] = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    except (Exception, SystemExit) as error:
        sys.modules.pop(own, None)
        raise CompileError(_problem(root, file, error)) from error
    finally:
        sys.dont_write_bytecode = before


def _problem(root: Path, file: str, error: BaseException) -> Problem:
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError) and error.filename:
        return Problem(text, place_in(root, f'File "{error.filename}", line {error.lineno or 1}') or Place(file, 1))
    told = "".join(traceback.format_tb(error.__traceback__))
    return Problem(text, place_in(root, told) or Place(file, 1))


def place_in(root: Path, told: str) -> Place | None:
    """The last line of a file of the project's in the text of a traceback."""
    top = root.resolve()
    for found in reversed(list(_FRAME.finditer(told))):
        path = Path(found["path"])
        if path.is_absolute() and path.is_relative_to(top):
            return Place(path.relative_to(top).as_posix(), int(found["line"]))
    return None


def made(given: Any, arguments: Mapping[str, Any]) -> Any:
    """The expectation with these arguments. Raises what its class raises."""
    from great_expectations.expectations import registry

    # Another package of the project may have a class of that name: the library goes by the name.
    registry._registered_expectations[given.expectation_type] = given
    return given(**arguments)

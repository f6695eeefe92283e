"""Writing artifacts: values to JSON, and JSON to a file that no reader ever sees half written."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from eltbuild import disk
from eltbuild.disk import PRIVATE, sweep
from eltbuild.errors import Problem, UsageError
from eltbuild.secrecy import Hider, Mask, unmasked

if TYPE_CHECKING:
    import msgspec

DURABLE = frozenset({"run_results.json"})
"""Artifacts that a later call builds upon: not even a loss of power may leave half of one."""
DEPTH = 100
"""Values nested deeper than this are written as text: nothing that people write by hand comes near."""


def encode_json(value: Any) -> bytes:
    """The value as JSON in UTF-8.

    Dates become ISO text, sets lists, decimals numbers, not-a-number null, and what JSON has no form for
    its text. Never raises on account of the value.
    """
    try:
        return _encoder().encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return _encoder().encode(plain(value))


@cache
def _encoder() -> msgspec.json.Encoder:
    import msgspec

    return msgspec.json.Encoder(enc_hook=simpler, decimal_format="number")


def simpler(value: Any) -> Any:
    """A value that JSON can hold, for one that it cannot."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (bool, type(None))):
        return str(value).lower() if value is not None else "null"
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    return str(value)


def plain(value: Any, depth: int = 0) -> Any:
    """The value rebuilt of what JSON has, for hostile values: endless nesting, text that is no Unicode."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**63 else str(value)
    if depth > DEPTH:
        return f"<{type(value).__name__} nested too deep>"
    if isinstance(value, Mapping):
        return {str(plain(str(key))): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, depth + 1) for item in value]
    simple = simpler(value)
    return plain(simple, depth + 1)


def write_artifact(path: str | Path, value: Any, *, mask: Mask = unmasked, mode: int | None = PRIVATE) -> None:
    """The value stands at `path` as JSON, without what the mask hides; until then, what stood there before.

    Missing folders are made. Raises `UsageError` where the file cannot be written.
    """
    with replacing(path, mode) as file:
        file.write(_hidden(encode_json(value), mask))


def write_sections(
    path: str | Path, sections: Iterable[tuple[str, Any]], *, mask: Mask = unmasked, mode: int | None = PRIVATE
) -> None:
    """Like `write_artifact`, for one object given key by key.

    A value that is an iterator of pairs is written as it comes, so that the whole never stands in memory.
    """
    with replacing(path, mode) as file:
        for chunk in _chunks(sections, mask):
            file.write(chunk)


def _hidden(data: bytes, mask: Mask) -> bytes:
    """JSON with the secrets in its texts hidden. It is looked into only where one may stand in it."""
    if not isinstance(mask, Hider) or not mask.in_bytes(data):
        return data
    import msgspec

    return encode_json(mask.in_value(msgspec.json.decode(data)))


def _chunks(sections: Iterable[tuple[str, Any]], mask: Mask) -> Iterator[bytes]:
    before = b"{"
    for key, value in sections:
        yield before + encode_json(key) + b":"
        if isinstance(value, Iterator):
            yield from _object(value, mask)
        else:
            yield _hidden(encode_json(value), mask)
        before = b",\n"
    yield b"}" if before != b"{" else b"{}"


def _object(pairs: Iterator[tuple[str, Any]], mask: Mask) -> Iterator[bytes]:
    before = b"{"
    for key, value in pairs:
        yield before + encode_json(key) + b":" + _hidden(encode_json(value), mask)
        before = b",\n"
    yield b"}" if before != b"{" else b"{}"


@contextmanager
def replacing(path: str | Path, mode: int | None = PRIVATE) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` when the block ends well, and vanishes when it does not.

    What killed writers left beside it is cleared. Raises `UsageError` where the folder or the file cannot be written.
    """
    target = Path(path)
    sweep(target.parent)
    try:
        with disk.replacing(target, mode=mode, durable=target.name in DURABLE) as file:
            yield file
    except OSError as error:
        raise UsageError(unwritable(target, error)) from error


NO_PERMISSION = "choose another folder with --target-path, or change the permissions of this one"
HINTS: Mapping[int, str] = {
    errno.ENOSPC: "make room on this disk, or choose another folder with --target-path",
    errno.EDQUOT: "make room within the quota, or choose another folder with --target-path",
    errno.EROFS: "choose a folder that can be written with --target-path",
}
"""What to do about the errors of the system that are no matter of permissions."""


def unwritable(path: Path, error: OSError) -> Problem:
    """Why a file could not be written, and what to do."""
    reason = error.strerror or str(error)
    return Problem(
        f"cannot write `{path}`: {reason}",
        hint=HINTS.get(error.errno or 0, NO_PERMISSION),
        name="ArtifactNotWritten",
    )

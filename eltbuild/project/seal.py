"""Seals on caches: only what this user wrote is read again, whoever else can write into the project's folder.

What a cache holds decides which SQL is run, and no comparison with the project's files could tell whether it was
made from them. So each file carries a code that only the owner of a key can make. The key lies outside of projects,
in the user's cache folder; where caches travel between machines, the machines can be given one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b
from hmac import compare_digest
from pathlib import Path

from eltbuild._version import __version__
from eltbuild.disk import private_folder, read_whole, write_whole

VARIABLE = "ELTBUILD_CACHE_KEY"
"""The environment variable that holds a key for several machines."""
SIZE = 32

_HEAD = re.compile(rb"eltbuild ([^ \n]{1,64}) ([0-9a-f]{64})\n")


class NotSealed(Exception):
    """A file that cannot be trusted; the message says why."""


def sealed(data: bytes, key: bytes) -> bytes:
    """The data with a seal in front of it."""
    return b"eltbuild %s %s\n%s" % (__version__.encode(), _code(data, key), data)


def unsealed(data: bytes, key: bytes) -> bytes:
    """The data behind a seal. Raises `NotSealed` for whatever was not sealed with this key, byte for byte."""
    head = _HEAD.match(data[:200])
    if head is None:
        raise NotSealed("is damaged, or none of ours")
    if head[1] != __version__.encode():
        raise NotSealed("was written by another version")
    body = data[head.end() :]
    if not compare_digest(head[2], _code(body, key)):
        raise NotSealed("is damaged, or was written by somebody else or on another machine")
    return body


def _code(data: bytes, key: bytes) -> bytes:
    return blake2b(data, key=key, digest_size=32, person=b"eltbuild cache").hexdigest().encode()


def cache_key(environ: Mapping[str, str], home: Path) -> bytes | None:
    """The key of this user; None where there is no place for one, so that nothing can be kept.

    That of the environment comes first, then the one in the cache folder, which is made where there is none.
    """
    given = environ.get(VARIABLE)
    if given:
        return blake2b(given.encode("utf-8", "surrogateescape"), digest_size=SIZE, person=b"eltbuild key").digest()
    base = environ.get("XDG_CACHE_HOME")
    if not (base and os.path.isabs(base)) and not home.is_absolute():
        return None
    folder = (Path(base) if base and os.path.isabs(base) else home / ".cache") / "eltbuild"
    path = folder / "key"
    with suppress(OSError):
        return _read(path) or _made(folder, path)
    return None


def _read(path: Path) -> bytes | None:
    """The key in a file that nobody else can write or read."""
    try:
        if path.is_symlink():
            return None
        status = path.stat()
        if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o077):
            return None
        text = read_whole(path, 4096).strip()
        return bytes.fromhex(text.decode("ascii")) if len(text) == SIZE * 2 else None
    except (OSError, ValueError):
        return None


def _made(folder: Path, path: Path) -> bytes | None:
    private_folder(folder)
    write_whole(path, os.urandom(SIZE).hex().encode() + b"\n", durable=True)
    # Another process may have been faster, or slower: what stands there counts.
    return _read(path)

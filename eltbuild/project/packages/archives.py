"""Writing the files of a stranger's package to disk, so that nothing lands outside its folder.

Tar archives and git trees both become `Member`s; `write_tree` is the only place that creates files from them.
"""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from eltbuild.errors import Problem, ProjectError
from eltbuild.values import dataclass, field

CHUNK = 1 << 16
FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\:]")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a package may hold; the largest in use hold a few thousand files and some megabytes."""

    files: int = 50_000
    bytes: int = 512 * 1024 * 1024
    depth: int = 50


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a package. `link` is the target of a symbolic link; `content` can be read once, in turn."""

    path: str
    content: Iterable[bytes] = ()
    link: str | None = None
    executable: bool = False


@dataclass(slots=True)
class Ledger:
    """What one `write_tree` has written so far: the names in use, folded, and the bytes."""

    bounds: Bounds
    files: dict[str, str] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    written: int = 0


MOST = Bounds()


def write_tree(members: Iterable[Member], folder: Path, bounds: Bounds = MOST) -> None:
    """Write the members into an empty folder.

    Refused are paths that lead out (`..`, absolute), two names that differ in letter case alone, a file
    where a folder stands, links that lead out, and more than `bounds` allow. Folders named `.git` are left
    out: git would obey what is configured in them. Raises `ProjectError`; what was written until then stays.
    """
    ledger = Ledger(bounds)
    links: list[Member] = []
    for member in members:
        path = _safe_path(member.path, bounds)
        if ".git" in (part.lower() for part in path.split("/")):
            continue
        _enter(ledger, path)
        if member.link is not None:
            links.append(Member(path, link=member.link))
            continue
        _write_file(folder / path, member, ledger)
    for link in links:
        _write_link(folder, link)
    # A link that was made later can lead an earlier one elsewhere.
    check_links(folder)


def check_links(folder: Path) -> None:
    """Raise `ProjectError` where a link in a package leads out of its folder, or to a folder that holds it."""
    for path in _files(folder):
        place = folder / path
        if place.is_symlink() and (why := _astray(place, folder)):
            raise _refuse(path, why)


def _astray(place: Path, folder: Path) -> str:
    """Where a link leads that it may not; "" where it is a good one."""
    top, end, around = (os.path.realpath(path) for path in (folder, place, place.parent))
    if not _within(end, top):
        return "is a link that leads out of the package's folder"
    return "is a link to a folder that holds it" if _within(around, end) else ""


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)


def _refuse(path: str, why: str) -> ProjectError:
    return ProjectError(Problem(f"refused: `{path[:200]}` in the package {why}", hint="nothing was installed"))


def _safe_path(path: str, bounds: Bounds) -> str:
    if path.startswith("/"):
        raise _refuse(path, "is an absolute path")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise _refuse(path, "leads out of the package's folder")
    if FORBIDDEN.search(path):
        raise _refuse(path, "has a name that not every system can hold")
    if not parts or len(parts) > bounds.depth:
        raise _refuse(path, "is nested too deep" if parts else "has no name")
    return "/".join(parts)


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _enter(ledger: Ledger, path: str) -> None:
    """Note a file and the folders above it; names must be free, in any letter case."""
    if len(ledger.files) >= ledger.bounds.files:
        raise _refuse(path, f"is one too many: a package may hold {ledger.bounds.files} files")
    parent = posixpath.dirname(path)
    while parent:
        folded = _folded(parent)
        known = ledger.folders.get(folded)
        if known == parent:
            break
        if known is not None or folded in ledger.files:
            raise _refuse(path, f"stands beside `{known or ledger.files[folded]}`, another spelling of its folder")
        ledger.folders[folded] = parent
        parent = posixpath.dirname(parent)
    folded = _folded(path)
    other = ledger.files.get(folded) or ledger.folders.get(folded)
    if other is not None:
        raise _refuse(path, "is in it twice" if other == path else f"differs from `{other}` in letter case alone")
    ledger.files[folded] = path


def _write_file(place: Path, member: Member, ledger: Ledger) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as file:
            for chunk in member.content:
                ledger.written += len(chunk)
                if ledger.written > ledger.bounds.bytes:
                    raise _refuse(member.path, f"goes beyond the {ledger.bounds.bytes} bytes a package may hold")
                file.write(chunk)
        if member.executable:
            place.chmod(0o755)
    except OSError as error:
        raise ProjectError(Problem(f"cannot write `{member.path[:200]}`: {error.strerror}")) from None


def _write_link(folder: Path, member: Member) -> None:
    """Links come last, so no file is written through one; where they lead, the disk itself tells."""
    place, target = folder / member.path, member.link or ""
    if not target or target.startswith("/") or FORBIDDEN.search(target):
        raise _refuse(member.path, "is a link to an absolute path" if target else "is a link to nothing")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if not _within(os.path.realpath(place.parent), os.path.realpath(folder)):
            raise _refuse(member.path, "lies behind a link that leads out of the package's folder")
        place.symlink_to(target)
        why = _astray(place, folder)
    except (OSError, ValueError, RuntimeError) as error:
        raise _refuse(member.path, f"is a link that cannot be made: {error}") from None
    if why:
        place.unlink()
        raise _refuse(member.path, why)


def tar_members(archive: Path, bounds: Bounds = MOST) -> Iterator[Member]:
    """The members of a tar archive (plain, gzip, bzip2), read as a stream, no more than `bounds` in all.

    Devices, pipes and sockets are refused, and so are hard links: what they lead to is not known yet.
    Raises `ProjectError`.
    """
    import bz2
    import gzip
    import tarfile
    import zlib

    try:
        with archive.open("rb") as raw:
            start = raw.read(3)
            raw.seek(0)
            opened: Any = raw
            if start[:2] == b"\x1f\x8b":
                opened = gzip.GzipFile(fileobj=raw)
            elif start == b"BZh":
                opened = bz2.BZ2File(raw)
            # Headers and padding come on top of contents; an endless one must end all the same.
            limited = _Limited(opened, bounds.bytes + 2048 * bounds.files)
            with tarfile.open(fileobj=limited, mode="r|", tarinfo=_header()) as tar:  # type: ignore[call-overload]
                for entry in tar:
                    yield from _tar_member(tar, entry)
    except (
        tarfile.TarError,
        RecursionError,
        EOFError,
        zlib.error,
        OSError,
        ValueError,
        UnicodeError,
        OverflowError,
    ) as error:
        raise ProjectError(
            Problem(f"is not a sound tar archive: {error}", hint="plain tar, .tar.gz and .tar.bz2 can be read")
        ) from None


LARGEST_HEADER = 1 << 20
"""Bytes of a header that holds a long name or other properties: they are read as a whole."""


def _header() -> type:
    """The headers of archives, without those that would fill the memory."""
    import tarfile

    class Header(tarfile.TarInfo):
        def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo | None:
            if self.size > LARGEST_HEADER and not self.isreg():
                raise tarfile.ReadError("it has a header that is too long")
            found: tarfile.TarInfo | None = super()._proc_member(archive)  # type: ignore[misc]
            return found

    return Header


class _Limited:
    """A stream that ends with an error where a bomb would go on."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self.stream = stream
        self.left = limit

    def read(self, size: int) -> bytes:
        data = self.stream.read(min(size, CHUNK * 16))
        self.left -= len(data)
        if self.left < 0:
            raise ValueError("it holds more than a package may")
        return data


def _tar_member(tar: Any, entry: Any) -> Iterator[Member]:
    if entry.isdir():
        return
    if entry.issym():
        yield Member(entry.name, link=entry.linkname)
    elif entry.isreg():
        content = tar.extractfile(entry)
        yield Member(entry.name, iter(lambda: content.read(CHUNK), b""), executable=bool(entry.mode & 0o100))
    elif entry.islnk():
        raise _refuse(entry.name, f"is a hard link to `{entry.linkname[:200]}`")
    else:
        raise _refuse(entry.name, "is neither a file nor a folder")


def tree_hash(folder: Path) -> str:
    """The sha256 (hex) of a folder: of each file's path and content, in order of paths.

    Modes and dates do not count.
    """
    import hashlib

    total = hashlib.sha256()
    for path in sorted(_files(folder), key=lambda path: path.encode("utf-8", "surrogateescape")):
        place = folder / path
        if place.is_symlink():
            kind, digest = b"link", hashlib.sha256(os.fsencode(os.readlink(place)))
        else:
            kind = b"file"
            with place.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256")
        total.update(kind + b" " + path.encode("utf-8", "surrogateescape") + b"\0" + digest.digest() + b"\n")
    return total.hexdigest()


def _files(folder: Path) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        inside = os.path.relpath(place, folder).replace(os.sep, "/")
        prefix = "" if inside == "." else inside + "/"
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        for name in (*files, *links):
            yield prefix + name

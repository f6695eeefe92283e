"""Reading one commit of a git repository, without ever checking it out: no hook, filter or submodule can run.

git itself is the program on the PATH. Its own transports only (https, http, ssh, git, files); it never asks.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from eltbuild.errors import Problem, ProjectError
from eltbuild.project.packages.archives import CHUNK, Member, write_tree
from eltbuild.values import dataclass

SECONDS = 900
LONGEST_LINK = 4096
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
PERHAPS_COMMIT = re.compile(r"[0-9a-f]{4,64}")
TRANSPORTS = ("https", "http", "ssh", "git", "file")

# What git takes from the environment about another repository (it is set inside hooks).
FOREIGN = frozenset({
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_CONFIG", "GIT_TEMPLATE_DIR", "GIT_EXTERNAL_DIFF",
    "GIT_CURL_VERBOSE", "GIT_ALLOW_PROTOCOL",
})  # fmt: skip

SETTINGS = (
    "protocol.allow=never",
    *(f"protocol.{name}.allow=always" for name in TRANSPORTS),
    "protocol.ext.allow=never",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
    "gc.auto=0",
    "maintenance.auto=false",
)


@dataclass(frozen=True, slots=True)
class Repository:
    """An empty repository in a folder of ours, to fetch into."""

    folder: Path
    environment: Mapping[str, str]


def fetch_tree(
    url: str, revision: str, subdirectory: str, folder: Path, scratch: Path, environment: Mapping[str, str]
) -> str:
    """Write the files of a commit (of one folder of it) into the empty `folder`; returns the commit's id.

    `revision` is a tag, a branch or a commit; "" is the newest commit of the default branch. Links to other
    repositories (submodules) are left out. `scratch` must not exist; it holds the fetched objects afterwards.
    Raises `ProjectError`; messages may hold the url.
    """
    if url.startswith("-") or revision.startswith("-"):
        raise ProjectError(Problem("an address or a revision must not begin with `-`"))
    if re.match(r"[A-Za-z0-9+.-]*::", url):
        raise ProjectError(Problem("git's remote helpers (`helper::address`) are not allowed"))
    if shutil.which("git", path=environment.get("PATH")) is None:
        raise ProjectError(
            Problem(
                "packages in git repositories need the program `git`, which is not on the PATH",
                hint="install git",
            )
        )
    repository = Repository(scratch, _environment(environment))
    scratch.mkdir(parents=True)
    _git(repository, "init", "--quiet", "--bare", "--template=", ".")
    commit = _fetch(repository, url, revision)
    entries = _entries(repository, commit, subdirectory)
    write_tree(_members(repository, entries), folder)
    return commit


def _environment(environment: Mapping[str, str]) -> Mapping[str, str]:
    kept = {
        name: value for name, value in environment.items() if name not in FOREIGN and not name.startswith("GIT_TRACE")
    }
    return {
        **kept,
        "GIT_TERMINAL_PROMPT": "0",
        "SSH_ASKPASS_REQUIRE": "never",
        "GCM_INTERACTIVE": "never",
        "LC_ALL": "C",
    }


def _command(repository: Repository, arguments: Sequence[str]) -> list[str]:
    settings = [part for setting in SETTINGS for part in ("-c", setting)]
    return ["git", *settings, *arguments]


def _start(
    repository: Repository,
    arguments: Sequence[str],
    *,
    stdin: int = subprocess.DEVNULL,
    stderr: int = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Start git in a session of its own: without a terminal, nothing it starts can ask for a password."""
    return subprocess.Popen(
        _command(repository, arguments),
        cwd=repository.folder,
        env=dict(repository.environment),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        start_new_session=True,
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End git and what it started (ssh, remote helpers)."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()


def _git(repository: Repository, *arguments: str) -> bytes:
    """What git answers. Raises `ProjectError` with what it says when it fails."""
    process = _start(repository, arguments)
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise ProjectError(Problem(f"git did not finish within {SECONDS} seconds")) from None
    finally:
        if process.poll() is None:
            _stop(process)
    if process.returncode:
        said = _complaints(err.decode("utf-8", "replace")[-10_000:])
        raise ProjectError(Problem(said or f"git ended with exit code {process.returncode}"))
    return out


def _complaints(text: str) -> str:
    """What git complains of, without its advice; the last lines where nothing looks like a complaint."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    heads = ("fatal: ", "error: ", "remote: ", "ERROR: ")
    found = [line for line in lines if line.startswith(heads)] or lines[-3:]
    return "; ".join(line.removeprefix("fatal: ") for line in found[:5])


def _fetch(repository: Repository, url: str, revision: str) -> str:
    """Fetch one commit, or all when only that tells what the revision means; returns the commit's id."""
    try:
        _git(repository, "fetch", "--quiet", "--depth=1", "--no-tags", "--", url, revision or "HEAD")
        return _resolve(repository, "FETCH_HEAD")
    except ProjectError:
        if not PERHAPS_COMMIT.fullmatch(revision):
            raise
    # An abbreviated commit, or a server that gives no single commits away: fetch all that can be reached.
    _git(
        repository,
        "fetch",
        "--quiet",
        "--no-tags",
        "--",
        url,
        "+refs/heads/*:refs/heads/*",
        "+refs/tags/*:refs/tags/*",
    )
    return _resolve(repository, revision)


def _resolve(repository: Repository, revision: str) -> str:
    answer = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    commit = answer.decode("ascii", "replace").split()[-1] if answer.split() else ""
    if not COMMIT.fullmatch(commit):
        raise ProjectError(Problem(f"`{revision}` names no commit"))
    return commit


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a commit: `mode` and `id` as git has them."""

    mode: str
    id: str
    path: str


def _entries(repository: Repository, commit: str, subdirectory: str) -> Sequence[Entry]:
    tree = f"{commit}:{subdirectory}" if subdirectory else commit
    try:
        listed = _git(repository, "ls-tree", "-r", "-z", "--full-tree", tree)
    except ProjectError:
        if not subdirectory:
            raise
        raise ProjectError(Problem(f"there is no folder `{subdirectory}` in commit {commit}")) from None
    entries = []
    for line in listed.split(b"\0"):
        if not line:
            continue
        head, _, path = line.partition(b"\t")
        mode, _, id = head.decode("ascii").split()
        entries.append(Entry(mode, id, os.fsdecode(path)))
    return [entry for entry in entries if entry.mode != "160000"]


def _members(repository: Repository, entries: Sequence[Entry]) -> Iterator[Member]:
    """The files, read one after the other from one git process."""
    process = _start(repository, ("cat-file", "--batch"), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        for entry in entries:
            process.stdin.write(entry.id.encode("ascii") + b"\n")
            process.stdin.flush()
            size = _size(process.stdout.readline(), entry)
            content = _content(process.stdout, size)
            if entry.mode == "120000":
                yield Member(entry.path, link=os.fsdecode(b"".join(content)) if size <= LONGEST_LINK else "/")
            else:
                yield Member(entry.path, content, executable=entry.mode == "100755")
            for _ in content:
                pass
            process.stdout.readline()
    except BrokenPipeError:
        raise ProjectError(Problem("git ended before it gave all files")) from None
    finally:
        _stop(process)
        for pipe in (process.stdin, process.stdout):
            try:
                pipe.close()
            except BrokenPipeError:
                pass


def _size(answer: bytes, entry: Entry) -> int:
    parts = answer.split()
    if len(parts) != 3 or parts[1] != b"blob":
        raise ProjectError(
            Problem(f"git cannot give `{entry.path[:200]}`: {answer.decode('utf-8', 'replace').strip()}")
        )
    return int(parts[2])


def _content(stream: IO[bytes], size: int) -> Iterator[bytes]:
    left = size
    while left:
        chunk = stream.read(min(CHUNK, left))
        if not chunk:
            raise ProjectError(Problem("git ended before it gave all files"))
        left -= len(chunk)
        yield chunk

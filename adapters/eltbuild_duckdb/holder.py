"""Who has a database open: the process that DuckDB names in its refusal, looked up on this machine."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

_PID = re.compile(r"\(PID (\d+)\)")
_WORD = re.compile(r"[a-z][\w-]*")
PATIENCE = 2.0
"""Seconds that `ps` may take."""


def holder(refusal: str, now: datetime) -> str:
    """The process in words: `eltbuild build` by ada since 12:03:11 UTC (4 min); "" where nothing is known of it.

    Arguments are left out: secrets may stand in them.
    """
    found = _PID.search(refusal)
    if found is None:
        return ""
    pid = int(found[1])
    try:
        user, began, words = _of_files(pid)
    except (OSError, ValueError, IndexError, KeyError):
        try:
            user, began, words = _of_ps(pid)
        except (OSError, ValueError, IndexError, subprocess.SubprocessError):
            return ""
    by = f" by {user}" if user else ""
    return f"`{program(words)}`{by} since {_moment(began, now)}"


def program(words: Sequence[str]) -> str:
    """What a command line runs, with its first plain word: `eltbuild build` for `python -m eltbuild build --vars`."""
    rest = list(words)
    name = _base(rest.pop(0)) if rest else "?"
    if name.startswith("python"):
        while rest and rest[0].startswith("-") and rest[0] != "-m":
            flag = rest.pop(0)
            if flag == "-c":
                return name
            del rest[: flag in ("-X", "-W")]
        if rest and rest[0] == "-m":
            rest.pop(0)
        name = _base(rest.pop(0)) if rest else name
    said = rest[0] if rest and _WORD.fullmatch(rest[0]) else ""
    return f"{name} {said}".strip()


def _base(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1]


def _of_files(pid: int) -> tuple[str, datetime, list[str]]:
    """User, begin and command line by the files of the kernel (Linux)."""
    import pwd

    folder = f"/proc/{pid}"
    with open(f"{folder}/cmdline", "rb") as file:
        words = file.read().decode(errors="replace").split("\0")[:-1]
    with open(f"{folder}/stat", encoding="utf-8", errors="replace") as text:
        ticks = int(text.read().rpartition(")")[2].split()[19])
    with open("/proc/stat", encoding="utf-8") as text:
        boot = next(int(line.split()[1]) for line in text if line.startswith("btime"))
    began = datetime.fromtimestamp(boot + ticks / os.sysconf("SC_CLK_TCK"), UTC)
    uid = os.stat(folder).st_uid
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = f"user {uid}"
    return user, began, words


def _of_ps(pid: int) -> tuple[str, datetime, list[str]]:
    """The same by the program `ps`."""
    asked = ["ps", "-o", "user=", "-o", "lstart=", "-o", "args=", "-p", str(pid)]
    environment = {**os.environ, "LC_ALL": "C"}
    told = subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE, env=environment, check=True)
    user, *rest = told.stdout.split()
    began = datetime.strptime(" ".join(rest[:5]), "%a %b %d %H:%M:%S %Y").astimezone(UTC)
    return user, began, rest[5:]


def _moment(began: datetime, now: datetime) -> str:
    day = "" if began.date() == now.date() else f"{began:%Y-%m-%d} "
    return f"{day}{began:%H:%M:%S} UTC ({_span(now - began)})"


def _span(time: timedelta) -> str:
    seconds = max(int(time.total_seconds()), 0)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"

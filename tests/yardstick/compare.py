"""Two outputs of `pytest -rA suite.py`, side by side: passed tests of each area, and what only the first one passed."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

LINE = re.compile(r"^(PASSED|FAILED|ERROR|SKIPPED|XFAIL) \S+?::Test_(\S+)")


def outcomes(path: Path) -> dict[str, str]:
    """The outcome of each test by its name; an error in setting up or tearing down outweighs a pass."""
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if match := LINE.match(line):
            outcome, name = match.groups()
            if found.get(name, "PASSED") == "PASSED":
                found[name] = outcome
    return found


def area(name: str) -> str:
    """The area in `<area>__<class>::<test>`."""
    return name.partition("__")[0]


def main(first: str, second: str) -> None:
    """Print the table and the list."""
    one, other = outcomes(Path(first)), outcomes(Path(second))
    passed = [Counter(area(name) for name, how in found.items() if how == "PASSED") for found in (one, other)]
    print(f"{'area':28}{'tests':>7}{'first':>7}{'second':>7}")
    for name, tests in sorted(Counter(map(area, one.keys() | other.keys())).items()):
        print(f"{name:28}{tests:7}{passed[0][name]:7}{passed[1][name]:7}")
    print(f"{'all':28}{len(one.keys() | other.keys()):7}{passed[0].total():7}{passed[1].total():7}\n")
    for name in sorted(one):
        if one[name] == "PASSED" and other.get(name) != "PASSED":
            print(other.get(name, "not run"), name)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Builds a project through the Python API while a thread of the same process reads what it builds.

The order comes as JSON on stdin; each content that was seen, once, goes as JSON to stdout.
"""

import json
import sys
import threading

import duckdb

from eltbuild import Project


def shown(value):
    """A value as JSON has it."""
    return value if isinstance(value, (int, str, type(None))) else str(value)


class Reader(threading.Thread):
    """Reads one relation over and over."""

    def __init__(self, root, name, query):
        super().__init__()
        self.cursor = root.cursor()
        self.name_of_relation = name
        self.query = query
        self.reads = 0
        self.seen = {}
        self.errors = []
        self.over = False

    def run(self):
        try:
            while not self.over:
                rows = sorted(
                    [[shown(value) for value in row] for row in self.cursor.execute(self.query).fetchall()], key=str
                )
                self.reads += 1
                self.seen[json.dumps(rows)] = rows
        except Exception as error:
            self.errors.append(f"a reader of {self.name_of_relation} was refused: {error}")


def main():
    order = json.load(sys.stdin)
    # The first session decides how the file is opened; those of eltbuild come to the same database.
    root = duckdb.connect(order["path"])
    project = Project.load(order["folder"])
    readers = [Reader(root, name, query) for name, query in order["queries"].items()]
    for reader in readers:
        reader.start()
    errors = []
    for _ in range(order["builds"]):
        results = project.run()
        if results.success == order["refused"]:
            errors.append(f"a build beside a reader failed: {results}")
    for reader in readers:
        reader.over = True
    for reader in readers:
        reader.join()
        errors += reader.errors
    told = {
        "errors": errors,
        "reads": {reader.name_of_relation: reader.reads for reader in readers},
        "seen": {reader.name_of_relation: list(reader.seen.values()) for reader in readers},
    }
    json.dump(told, sys.stdout)


main()

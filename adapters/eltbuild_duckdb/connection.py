"""One session with DuckDB: statements, rows in bulk, the catalogue, transactions."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import duckdb

from eltbuild.adapter import Answer, Target
from eltbuild.errors import DatabaseError, Problem
from eltbuild.relation import Column, Relation, RelationInfo
from eltbuild_duckdb import catalogue
from eltbuild_duckdb.errors import database_error, hidden

"""All built-in macros by their unprefixed names: one table, joined from the files that write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eltbuild.compile.dbt.crossdb import CROSSDB
from eltbuild.compile.dbt.data_tests import DATA_TESTS
from eltbuild.compile.dbt.dates import DATES
from eltbuild.compile.dbt.naming import NAMING
from eltbuild.compile.dbt.types import TYPE_MACROS

BUILTINS: Mapping[str, Callable[..., Any]] = {**CROSSDB, **DATES, **TYPE_MACROS, **NAMING, **DATA_TESTS}

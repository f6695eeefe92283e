"""All built-in macros by their unprefixed names: one table, joined from the files that write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eltbuild.compile.dbt.catalog import CATALOG_MACROS
from eltbuild.compile.dbt.columns import COLUMNS
from eltbuild.compile.dbt.crossdb import CROSSDB
from eltbuild.compile.dbt.data_tests import DATA_TESTS
from eltbuild.compile.dbt.dates import DATES
from eltbuild.compile.dbt.ddl import DDL
from eltbuild.compile.dbt.docs_and_indexes import DOCS_AND_INDEXES
from eltbuild.compile.dbt.engine_macros import ENGINE_MACROS
from eltbuild.compile.dbt.fixtures import FIXTURES
from eltbuild.compile.dbt.grants import GRANTS
from eltbuild.compile.dbt.hooks import HOOKS
from eltbuild.compile.dbt.incremental import INCREMENTAL
from eltbuild.compile.dbt.materializations import MATERIALIZATIONS
from eltbuild.compile.dbt.naming import NAMING
from eltbuild.compile.dbt.python_code import PYTHON_CODE
from eltbuild.compile.dbt.seeds import SEEDS
from eltbuild.compile.dbt.snapshots import SNAPSHOTS
from eltbuild.compile.dbt.stored_views import STORED_VIEWS
from eltbuild.compile.dbt.types import TYPE_MACROS
from eltbuild.compile.dbt.udfs import UDFS

BUILTINS: Mapping[str, Callable[..., Any]] = {
    **CROSSDB, **DATES, **TYPE_MACROS, **NAMING, **DATA_TESTS, **DDL, **COLUMNS, **INCREMENTAL, **SNAPSHOTS, **SEEDS,
    **GRANTS, **DOCS_AND_INDEXES, **HOOKS, **CATALOG_MACROS, **PYTHON_CODE, **UDFS,
    **FIXTURES, **STORED_VIEWS, **ENGINE_MACROS, **MATERIALIZATIONS,
}  # fmt: skip
"""Each takes the rendering first; then the arguments that dbt documents, under dbt's names."""

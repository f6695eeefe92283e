"""Python models: `def model(dbt, session)` called with what dbt gives it; its result as Arrow."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from eltbuild.errors import CompileError, DatabaseError, Place, Problem
from eltbuild.project.resources import Node

if TYPE_CHECKING:
    import pyarrow


class ModelConfig:
    """`dbt.config`: set in the file, read at run time."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __call__(self, **_: Any) -> None:
        """What a file says of itself has been read already."""

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a config key."""
        value = self._values.get(name)
        return default if value is None else value

    def meta_get(self, name: str, default: Any = None) -> Any:
        """The value of a key of the config's `meta`."""
        value = (self._values.get("meta") or {}).get(name)
        return default if value is None else value


class This:
    """`dbt.this`: where the result stands; prints as its quoted name."""

    def __init__(self, node: Node, text: str) -> None:
        relation = node.relation
        self.database = relation.database if relation else None
        self.schema = relation.schema if relation else None
        self.identifier = relation.identifier if relation else None
        self._text = text

    def __str__(self) -> str:
        return self._text


class ModelContext:
    """The `dbt` argument of a Python model."""

    def __init__(
        self,
        node: Node,
        this: str,
        resolve: Callable[[str, tuple[Any, ...], dict[str, Any]], Any],
        incremental: bool,
    ) -> None:
        self._resolve = resolve
        self.config = ModelConfig(node.config)
        self.this = This(node, this)
        self.is_incremental = IncrementalFlag(incremental)

    def ref(self, *args: Any, **kwargs: Any) -> Any:
        """The rows of a node, as the session's own kind of table."""
        return self._resolve("ref", args, kwargs)

    def source(self, *args: Any) -> Any:
        """The rows of a source's table."""
        return self._resolve("source", args, {})


class IncrementalFlag:
    """`dbt.is_incremental`, which may be read or called."""

    def __init__(self, value: bool) -> None:
        self._value = value

    def __call__(self) -> bool:
        return self._value

    def __bool__(self) -> bool:
        return self._value


def run_model(node: Node, context: ModelContext, session: Any) -> Any:
    """What the file's `model(dbt, session)` returns. Raises `CompileError` with the line of the file."""
    names: dict[str, Any] = {"__name__": f"eltbuild_model_{node.name}", "__file__": node.project_path}
    try:
        exec(compile(node.code, node.project_path, "exec"), names)
        result = names["model"](context, session)
    except CompileError:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, DatabaseError) and (error.transient or error.lost):
            raise
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == node.project_path]
        line = frames[-1].lineno or 0 if frames else getattr(error, "lineno", 0) or 0
        raise CompileError(Problem(f"{type(error).__name__}: {error}", Place(node.project_path, line))) from error
    if result is None:
        raise CompileError(
            Problem(f"python model `{node.name}` returned nothing", Place(node.project_path), "return a table")
        )
    return result


def to_arrow(node: Node, result: Any) -> pyarrow.Table:
    """The result as Arrow: whatever offers `__arrow_c_stream__` (pandas, Polars, Arrow, DuckDB relations), or rows as

    dicts. Raises `CompileError` for anything else.
    """
    import pyarrow

    if isinstance(result, pyarrow.Table):
        return result
    if hasattr(result, "collect") and not hasattr(result, "__arrow_c_stream__"):
        result = result.collect()
    try:
        if type(result).__module__.split(".")[0] == "pandas":
            return pyarrow.Table.from_pandas(result, preserve_index=False)
        if hasattr(result, "__arrow_c_stream__"):
            return pyarrow.RecordBatchReader.from_stream(result).read_all()
        for method in ("to_arrow_table", "fetch_arrow_table", "arrow", "to_arrow"):
            if hasattr(result, method):
                found = getattr(result, method)()
                return found if isinstance(found, pyarrow.Table) else found.read_all()
        if isinstance(result, list) and all(isinstance(row, dict) for row in result):
            return pyarrow.Table.from_pylist(result)
    except (pyarrow.ArrowException, TypeError, ValueError) as error:
        raise CompileError(
            Problem(
                f"the result of python model `{node.name}` has no Arrow form: {error}",
                Place(node.project_path),
            )
        ) from error
    raise CompileError(
        Problem(
            f"python model `{node.name}` returned a {type(result).__name__}",
            Place(node.project_path),
            "return a pandas, Polars, Arrow or DuckDB table",
        )
    )

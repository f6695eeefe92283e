"""Great Expectations itself: imported once, in the background, and asked on the session of the build.

Nothing is written to disk, no telemetry is sent, and none of its logging, warnings or progress bars is shown.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import warnings
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from traceback import format_exception
from typing import TYPE_CHECKING, Any

from eltbuild.errors import CompileError, DatabaseError, Place, Problem
from eltbuild.project.expectation_classes import expectation_name
from eltbuild.quality.expectations.expectation import Expectation, find_column
from eltbuild.quality.expectations.judged import Judged, carried, shown
from eltbuild.run.testing.classes import class_of, made, place_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eltbuild.adapter import Connection

HINT = "install Great Expectations: pip install 'eltbuild[gx]'"
ONLY_VALUES = frozenset(
    {
        "expect_column_values_to_be_dateutil_parseable",
        "expect_column_values_to_be_decreasing",
        "expect_column_values_to_be_increasing",
        "expect_column_values_to_be_json_parseable",
        "expect_column_values_to_match_json_schema",
        "expect_column_values_to_match_strftime_format",
    }
)
"""Expectations that Great Expectations judges in Python only: their column's values are fetched."""
COMPARED = "comparison_data_source_name"
OF_TABLES = frozenset(
    {
        "expect_column_type_to_be",
        "expect_column_values_to_be_in_type_list",
        "expect_column_values_to_be_of_type",
        "expect_table_row_count_to_equal_other_table",
    }
)
"""Expectations that ask for a table by its name: of a query Great Expectations knows no types."""
FORMATS = ({"result_format": "SUMMARY"}, {"result_format": "COMPLETE"})


class Library:
    """The library of one run. Safe to use from several threads: one expectation is judged at a time."""

    def __init__(self, root: Path = Path()) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._importing: threading.Thread | None = None
        self._missing = ""
        """Why there is no library; "" where there is one."""
        self._context: Any = None
        self._count = 0

    def begin(self) -> None:
        """The import goes on in the background; nothing happens where it does already, or is done."""
        with self._lock:
            if self._importing is None:
                self._importing = threading.Thread(target=self._import, name="great_expectations", daemon=True)
                self._importing.start()

    def _import(self) -> None:
        os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
        try:
            with silent():
                import great_expectations
                import sqlalchemy  # noqa: F401
            self._missing = _too_old(str(great_expectations.__version__))
        except Exception as error:
            # An installation that is not whole fails in many ways.
            absent = isinstance(error, ModuleNotFoundError) and error.name in ("great_expectations", "sqlalchemy")
            self._missing = "which is not installed" if absent else f"which cannot be imported: {error}"

    def context(self, what: str, place: Place | None = None) -> Any:
        """The context in which expectations are judged. Raises `CompileError` where there is no library.

        `what`: for what it is needed, as a sentence begins.
        """
        self.begin()
        assert self._importing is not None
        self._importing.join()
        if self._missing:
            raise CompileError(Problem(f"{what} by Great Expectations, {self._missing}", place, HINT))
        with JUDGING, silent():
            if self._context is None:
                from great_expectations import get_context
                from great_expectations.data_context.types.base import ProgressBarsConfig

                self._context = get_context(mode="ephemeral")
                self._context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
            return self._context

    def judge(
        self, expectation: Expectation, connection: Connection, *, conditions: bool = False, whole: bool = False
    ) -> Judged:
        """What Great Expectations finds. Raises `CompileError` where the expectation itself fails.

        `conditions`: it reads `row_condition`, which else is in the scope of the expectation already. `whole`: all
        unexpected values are wanted, not the first of them.
        """
        context = self.context(f"`{expectation.type}` is judged", expectation.place)
        with JUDGING, silent():
            self._count += 1
            name = f"eltbuild_{self._count}"
            try:
                asked = self._configured(expectation, conditions)
                found = _validated(context, name, expectation, connection, asked, whole)
            except (DatabaseError, CompileError):
                raise
            except Exception as error:
                raise self._failed(expectation, _words(error), "".join(format_exception(error))) from error
            finally:
                for source in (name, expectation.get(COMPARED)):
                    with _forgiving():
                        context.data_sources.delete(source)
        for message, told in _raised(found.get("exception_info") or {}):
            raise self._failed(expectation, message, told)
        return _judged(expectation, found, asked)

    def _configured(self, expectation: Expectation, conditions: bool) -> Any:
        """The expectation as an object of the library's. Raises `CompileError` where it takes no such arguments."""
        from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

        left = () if conditions else SCOPE
        given = {
            key: _exactly(expectation, key, value)
            for key, value in expectation.arguments.items()
            if key not in left and value is not None
        }
        if not expectation.file:
            return ExpectationConfiguration(type=expectation.type, kwargs=given).to_domain_obj()
        return made(class_of(self._root, expectation.file, expectation.type, expectation.place), given)

    def _failed(self, expectation: Expectation, message: str, told: str) -> CompileError:
        """What went wrong; where that was within the user's own class, at its line."""
        first = message.strip().splitlines()[0] if message.strip() else "no message"
        within = place_in(self._root, told) if expectation.file and _REFUSED not in told else None
        if within is not None:
            # What it is called says more than its message, which may be one word.
            lines = (line for line in told.splitlines() if _NAMED.match(line) and line.endswith(first))
            first = next(lines, first)
        return CompileError(Problem(f"`{expectation.type}` could not be judged: {first}", within or expectation.place))


def _exactly(expectation: Expectation, key: str, value: Any) -> Any:
    """An argument; a column by the very name that it has."""
    if key in ("column", "column_A", "column_B") and isinstance(value, str):
        found = find_column(value, expectation.columns)
        return value if found is None else found.name
    return value


def _validated(
    context: Any, name: str, expectation: Expectation, connection: Connection, asked: Any, whole: bool
) -> Mapping[str, Any]:
    """The library's result. Raises whatever the library raises."""
    in_python = bool(_kinds(asked) & ONLY_VALUES)
    while True:
        batch = _batch(context, name, expectation, connection, asked, in_python)
        found: Mapping[str, Any] = batch.validate(asked, result_format=FORMATS[whole]).to_json_dict()
        if in_python or not expectation.file or not _is_only_python(found):
            return found
        # A class of the user's for which there are metrics of pandas only.
        in_python = True
        context.data_sources.delete(name)


def _kinds(asked: Any) -> frozenset[str]:
    """The types of expectations that one is: its own, and those from which its class derives."""
    return frozenset(expectation_name(base.__name__) for base in type(asked).__mro__)


def _words(error: Exception) -> str:
    """The message of an error, in one line; all that is wrong where it is one of arguments."""
    listed = getattr(error, "errors", None)
    if type(error).__name__ != "ValidationError" or not callable(listed):
        return str(error) or type(error).__name__
    each = [
        f"`{'.'.join(str(part) for part in one['loc'] if part != '__root__')}`: {one['msg']}".removeprefix("``: ")
        for one in listed()
    ]
    return "; ".join(each)


def _is_only_python(found: Mapping[str, Any]) -> bool:
    """Whether nothing can be asked for it in SQL."""
    info = found.get("exception_info") or {}
    return any(_NO_METRIC.search(message) for message, _ in _raised(info))


_REFUSED = "ValidationError: "
"""What stands in a traceback where arguments are refused: that is the test's own mistake."""
_NAMED = re.compile(r"[^\W\d][\w.]*: ")
"""How the line of a traceback begins that tells which exception it was."""
_NO_METRIC = re.compile(r"No provider found for \S+ using SqlAlchemyExecutionEngine")
OLDEST = (1, 8)
"""The oldest release of the library that has been tried."""


def _too_old(version: str) -> str:
    """Why a release of the library is of no use; "" where it is."""
    parts = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    return f"of which release {version} is installed, and {'.'.join(map(str, OLDEST))} is wanted" * (parts < OLDEST)


JUDGING = threading.Lock()
"""Held while an expectation is judged: the library keeps one context for the whole process."""


@contextmanager
def _forgiving() -> Iterator[None]:
    try:
        yield
    except Exception:
        pass


@contextmanager
def silent() -> Iterator[None]:
    """Nothing that the library logs or warns of is shown."""
    logger = logging.getLogger("great_expectations")
    before = logger.disabled, logger.level, logger.propagate
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled, _, logger.propagate = before
        logger.setLevel(before[1])


def _batch(
    context: Any, name: str, expectation: Expectation, connection: Connection, asked: Any, in_python: bool
) -> Any:
    """What is looked at."""
    kinds = _kinds(asked)
    query = f"select * from {expectation.relation}{expectation.having()}"
    if in_python:
        if kinds & ONLY_VALUES:
            column = expectation.quoted(expectation.find(asked.column))
            query = f"select {column} from {expectation.relation}{expectation.having()}"
        source = context.data_sources.add_pandas(name)
        asset = source.add_dataframe_asset(name)
        whole = asset.add_batch_definition_whole_dataframe("all")
        return whole.get_batch({"dataframe": connection.read(query).to_pandas()})
    session = getattr(connection, "sqlalchemy", None)
    if session is None:
        text = f"`{expectation.type}` is judged by Great Expectations, and this adapter gives it no way to the data"
        raise CompileError(Problem(text, expectation.place))
    url, arguments = session()
    source = context.data_sources.add_sql(name=name, connection_string=url, kwargs=dict(arguments))
    if expectation.get(COMPARED):
        # There is no other source of data here than the target itself, whatever it is called.
        context.data_sources.add_sql(name=expectation.get(COMPARED), connection_string=url, kwargs=dict(arguments))
    stands = expectation.stands
    if kinds & OF_TABLES and stands is not None and not expectation.scope:
        asset = source.add_table_asset(name=name, table_name=stands.identifier, schema_name=stands.schema)
    else:
        asset = source.add_query_asset(name=name, query=query)
    return asset.add_batch_definition_whole_table("all").get_batch()


SCOPE = ("row_condition", "condition_parser", "notes")
"""Arguments that say which rows are looked at: those of the batch, all of them."""


def _judged(expectation: Expectation, found: Mapping[str, Any], asked: Any) -> Judged:
    result: Mapping[str, Any] = carried(found.get("result") or {})
    told, examples = _told(expectation, result, asked), _examples(result)
    rows = None
    if "unexpected_rows_expectation" in _kinds(asked):
        rows = int(result.get("observed_value") or 0)
        told = f"{rows} unexpected row{'' if rows == 1 else 's'}"
    if expectation.file and getattr(asked, "description", None):
        told = f"{str(asked.description).rstrip('.')}: {told}"
    return Judged(bool(found["success"]), result, f"{told}{examples}", told, rows)


def _raised(info: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What was raised and the traceback as text, in one of the two forms in which the library tells them."""
    for each in (info, *info.values()):
        if isinstance(each, Mapping) and each.get("raised_exception"):
            message = str(each.get("exception_message") or "an exception without a message")
            yield message, str(each.get("exception_traceback") or "")


def _told(expectation: Expectation, result: Mapping[str, Any], asked: Any) -> str:
    column = getattr(asked, "column", None)
    about = f" of `{column}`" if isinstance(column, str) else ""
    if result.get("element_count") is not None:
        looked = int(result["element_count"]) - int(result.get("missing_count") or 0)
        wrong = _WRONG.get(expectation.type, "are not as expected")
        return f"{result['unexpected_count']} of {looked} values{about} {wrong}"
    if expectation.type == "expect_column_kl_divergence_to_be_less_than":
        found = result.get("observed_value")
        seen = "infinite: values come that are not expected" if found is None else shown(found)
        return f"the divergence{about} is {seen}, expected at most {shown(expectation.get('threshold'))}"
    if result.get("unexpected_count") is not None:
        return f"{result['unexpected_count']} rows differ from those of the other query"
    return f"what was observed{about} is {shown(result.get('observed_value'))}"


def _examples(result: Mapping[str, Any]) -> str:
    examples = result.get("partial_unexpected_list")
    return f", such as {shown(list({str(each): each for each in examples}.values())[:3])}" if examples else ""


_WRONG: Mapping[str, str] = {
    "expect_column_values_to_be_dateutil_parseable": "are no dates",
    "expect_column_values_to_be_decreasing": "do not come behind greater ones",
    "expect_column_values_to_be_increasing": "do not come behind smaller ones",
    "expect_column_values_to_be_json_parseable": "are no JSON",
    "expect_column_values_to_match_json_schema": "do not match the JSON schema",
    "expect_column_values_to_match_strftime_format": "are not written in the format",
}
"""What is to be said of unexpected values."""

"""Great Expectations itself: imported once, in the background, and asked on the session of the build.

Nothing is written to disk, no telemetry is sent, and none of its logging, warnings or progress bars is shown.
"""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from eltbuild.errors import CompileError, DatabaseError, Problem
from eltbuild.quality.expectations.expectation import Expectation
from eltbuild.quality.expectations.judged import Judged, carried, shown

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

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._importing: threading.Thread | None = None
        self._failed: ImportError | None = None
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
                import great_expectations  # noqa: F401
                import sqlalchemy  # noqa: F401
        except ImportError as error:
            self._failed = error

    def _ready(self, expectation: Expectation) -> Any:
        """The context in which expectations are judged. Raises `CompileError` where there is no library."""
        self.begin()
        assert self._importing is not None
        self._importing.join()
        if self._failed is not None:
            text = f"`{expectation.type}` is judged by Great Expectations, which cannot be imported: {self._failed}"
            raise CompileError(Problem(text, expectation.place, HINT))
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
        self.begin()
        context = self._ready(expectation)
        with JUDGING, silent():
            self._count += 1
            name = f"eltbuild_{self._count}"
            try:
                batch = _batch(context, name, expectation, connection)
                answer = batch.validate(_configured(expectation, conditions), result_format=FORMATS[whole])
                found = answer.to_json_dict()
            except (DatabaseError, CompileError):
                raise
            except Exception as error:
                raise _failed(expectation, str(error) or type(error).__name__) from error
            finally:
                for source in (name, expectation.get(COMPARED)):
                    with _forgiving():
                        context.data_sources.delete(source)
        return _judged(expectation, found)


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


def _batch(context: Any, name: str, expectation: Expectation, connection: Connection) -> Any:
    query = f"select * from {expectation.relation}{expectation.having()}"
    if expectation.type in ONLY_VALUES:
        column = expectation.named()
        query = f"select {expectation.quoted(column)} from {expectation.relation}{expectation.having()}"
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
    if expectation.type in OF_TABLES and stands is not None and not expectation.scope:
        asset = source.add_table_asset(name=name, table_name=stands.identifier, schema_name=stands.schema)
    else:
        asset = source.add_query_asset(name=name, query=query)
    return asset.add_batch_definition_whole_table("all").get_batch()


def _configured(expectation: Expectation, conditions: bool) -> Any:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    left = () if conditions else SCOPE
    given = {key: value for key, value in expectation.arguments.items() if key not in left and value is not None}
    return ExpectationConfiguration(type=expectation.type, kwargs=given).to_domain_obj()


SCOPE = ("row_condition", "condition_parser", "notes")
"""Arguments that say which rows are looked at: those of the batch, all of them."""


def _judged(expectation: Expectation, found: Mapping[str, Any]) -> Judged:
    for raised in _raised(found.get("exception_info") or {}):
        raise _failed(expectation, raised)
    result: Mapping[str, Any] = carried(found.get("result") or {})
    told, examples = _told(expectation, result), _examples(result)
    return Judged(bool(found["success"]), result, f"{told}{examples}", told)


def _raised(info: Mapping[str, Any]) -> Iterator[str]:
    """What was raised, in one of the two forms in which the library tells it."""
    for each in (info, *info.values()):
        if isinstance(each, Mapping) and each.get("raised_exception"):
            yield str(each.get("exception_message") or "an exception without a message")


def _failed(expectation: Expectation, message: str) -> CompileError:
    first = message.strip().splitlines()[0] if message.strip() else "no message"
    return CompileError(Problem(f"`{expectation.type}` could not be judged: {first}", expectation.place))


def _told(expectation: Expectation, result: Mapping[str, Any]) -> str:
    about = f" of `{expectation.get('column')}`" if expectation.get("column") else ""
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
    return f", such as {shown(list(dict.fromkeys(map(str, examples)))[:3])}" if examples else ""


_WRONG: Mapping[str, str] = {
    "expect_column_values_to_be_dateutil_parseable": "are no dates",
    "expect_column_values_to_be_decreasing": "do not come behind greater ones",
    "expect_column_values_to_be_increasing": "do not come behind smaller ones",
    "expect_column_values_to_be_json_parseable": "are no JSON",
    "expect_column_values_to_match_json_schema": "do not match the JSON schema",
    "expect_column_values_to_match_strftime_format": "are not written in the format",
}
"""What is to be said of unexpected values."""

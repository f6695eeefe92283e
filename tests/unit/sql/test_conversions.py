"""What becomes of values in a column of another type: what is called exact keeps every value, on real engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import duckdb
import pytest
from servers.postgres import shared

from eltbuild.adapter import Capabilities
from eltbuild.sql.conversions import conversion
from eltbuild.sql.writer import Writer

NUMBERS: Mapping[str, Sequence[str]] = {
    "smallint": ["-32768", "32767", "0"],
    "integer": ["-2147483648", "2147483647"],
    "bigint": ["-9223372036854775807", "9223372036854775807"],
    "decimal(9,0)": ["999999999", "-999999999"],
    "decimal(4,2)": ["99.99", "-0.01"],
    "decimal(18,3)": ["999999999999999.999", "0.001"],
    "decimal(20,10)": ["9999999999.9999999999"],
    "real": ["1.5", "16777215", "0.1"],
    "double precision": ["0.1", "9007199254740991", "1e300"],
}
TIMES: Mapping[str, Sequence[str]] = {
    "date": ["2024-02-29", "1700-01-01", "2300-12-31"],
    "timestamp": ["2024-02-29 23:59:59.999999", "1700-01-01 00:00:00"],
}
OTHERS: Mapping[str, Sequence[str]] = {
    "varchar": ["a", "", "007"],
    "boolean": ["true", "false"],
    "uuid": ["6f1c3b1e-0000-4000-8000-00000000000a"],
}
SAMPLES: Mapping[str, Mapping[str, Sequence[str]]] = {
    "duckdb": {
        **NUMBERS, **TIMES, **OTHERS,
        "tinyint": ["-128", "127"], "utinyint": ["0", "255"], "uinteger": ["4294967295"],
        "ubigint": ["18446744073709551615"], "hugeint": ["170141183460469231731687303715884105727"],
        "timestamp_s": ["2024-02-29 23:59:59"], "timestamp_ms": ["2024-02-29 23:59:59.999"],
        "timestamp_ns": ["2024-02-29 23:59:59.999999999", "1700-01-01 00:00:00"],
        "json": ['{"a": 1}'],
    },
    "postgres": {
        **NUMBERS, **TIMES, **OTHERS,
        "numeric": ["123456789012345678901234567890.123", "0.1"],
        "timestamp(3)": ["2024-02-29 23:59:59.999"], "character varying(4)": ["abcd"], "char(3)": ["a", "abc"],
        "timestamp with time zone": ["2024-02-29 23:59:59.999999+02"],
        "timestamp(0) with time zone": ["2024-02-29 23:59:59+02"],
    },
}  # fmt: skip


@pytest.mark.parametrize("dialect", sorted(SAMPLES))
def test_what_is_exact_keeps_every_value(dialect: str) -> None:
    samples, writer = SAMPLES[dialect], Writer(dialect, Capabilities())
    asked = {
        (source, target): " union all ".join(
            f"select {writer.lost('v', source, target)} from (select cast('{value}' as {source}) as v) as given"
            for value in samples[source]
        )
        for source, target in product(samples, repeat=2)
        if conversion(source, target, dialect) == "exact"
    }
    assert len(asked) > 40
    text = "\nunion all\n".join(
        f"select '{source} -> {target}', bool_or(lost) from ({sql}) as asked(lost)"
        for (source, target), sql in asked.items()
    )
    rows = duckdb.sql(text).fetchall() if dialect == "duckdb" else shared().execute(text)
    assert [pair for pair, lost in rows if lost] == []


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("INTEGER", "integer", "same"),
        ("VARCHAR(10)", "VARCHAR(3)", "same"),
        ('"NULL"', "INTEGER", "same"),
        ("INTEGER", "BIGINT", "exact"),
        ("BIGINT", "INTEGER", "checked"),
        ("BIGINT", "DOUBLE", "checked"),
        ("DECIMAL(10,0)", "INTEGER", "checked"),
        ("DOUBLE", "INTEGER", "checked"),
        ("UINTEGER", "INTEGER", "checked"),
        ("INTEGER", "VARCHAR", "exact"),
        ("TIMESTAMP", "VARCHAR", "exact"),
        ("VARCHAR", "INTEGER", "none"),
        ("BOOLEAN", "INTEGER", "none"),
        ("TIMESTAMP", "DATE", "checked"),
        ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "none"),
        ("DATE", "TIMESTAMP WITH TIME ZONE", "none"),
        ("INTEGER[]", "BIGINT[]", "checked"),
        ("INTEGER[]", "VARCHAR", "none"),
        ("STRUCT(a INTEGER)", "STRUCT(a INTEGER, b INTEGER)", "checked"),
        ("ENUM('a')", "VARCHAR", "exact"),
        ("VARCHAR", "ENUM('a')", "checked"),
        ("BLOB", "VARCHAR", "none"),
    ],
)
def test_pairs(source: str, target: str, expected: str) -> None:
    assert conversion(source, target, "duckdb") == expected


def test_decimals_count_on_postgres_too() -> None:
    assert conversion("numeric(10,4)", "numeric(10,2)", "postgres") == "checked"
    assert conversion("numeric(10,2)", "numeric", "postgres") == "exact"
    assert conversion("double precision", "real", "postgres") == "checked"
    assert conversion("mood", "text", "postgres") == "exact"
    assert conversion("text", "mood", "postgres") == "checked"

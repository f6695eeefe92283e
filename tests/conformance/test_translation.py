"""What unit tests in memory stand on: the warehouse's SQL, said in the words of the database in memory, gives the same.

Each expression is asked of the warehouse, and its translation of the database in memory; rows are compared as unit tests
compare them. What has no equal must be refused: an answer that differs is a unit test that passes wrongly.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from conformance.targets import Warehouse

from eltbuild.adapter import Connection, open_in_memory
from eltbuild.errors import DatabaseError
from eltbuild.quality.row_comparison import compare
from eltbuild.sql.stand_ins import STATEMENTS
from eltbuild.sql.transpile import Untranslatable, transpiled

ROWS = """with t as (
  select * from (values
    (1, 7, 2.5::numeric(10, 2), 'Ab,c', date '2024-01-31', timestamp '2024-02-29 13:45:10.5', true, null::int),
    (2, -7, -1.25, 'xyz', date '2023-12-25', timestamp '2023-12-31 23:59:59', false, 3),
    (3, null, null, null, null, null, null, null)
  ) as t(id, n, m, s, d, ts, b, z)
) """

VALUES = """
n / 2 | n % 3 | n * 1.0 / 3 | m / 3 | m * m | round(m, 1) | round(m) | ceil(m) | floor(m) | abs(n) | trunc(m) | sign(n)
power(n, 2) | sqrt(abs(n)) | n::numeric / 2 | (n / 2)::numeric | cast(m as int) | cast('12' as int) | n::text || 'x'
s || null | concat(s, z, 'q') | concat_ws('-', s, z::text) | upper(s) | length(s) | substring(s from 2 for 2)
substr(s, 2) | left(s, 2) | right(s, 2) | left(s, -1) | position('c' in s) | strpos(s, 'b') | split_part(s, ',', 2)
replace(s, 'b', 'c') | regexp_replace(s, '[a-z]', '_') | regexp_replace(s, '[a-z]', '_', 'g') | s ~ '^A' | s ~* '^a'
s !~ 'b' | s like 'A%' | s ilike 'a%' | s similar to '%b%' | s similar to '(A|x)%' | trim(s) | btrim(s, 'A')
lpad(s, 6, '*') | repeat(s, 2) | reverse(s) | md5(s) | ascii(s) | coalesce(z, n) | nullif(n, 7) | greatest(n, z)
least(n, z) | case when b then 1 else 0 end | b::int | b::text | d + 1 | d - 1 | d - date '2024-01-01'
d + interval '1 month' | ts + interval '90 minutes' | ts - interval '1 year' | date_trunc('month', ts)
date_trunc('month', d)::date | date_trunc('week', d)::date | date_trunc('quarter', ts) | extract(year from d)
extract(month from ts) | extract(dow from d) | extract(isodow from d) | extract(doy from d) | extract(week from d)
extract(epoch from ts) | extract(hour from ts) | extract(second from ts) | date_part('second', ts)
extract(quarter from d) | date_part('day', ts - timestamp '2023-01-01') | to_char(ts, 'YYYY-MM-DD')
extract(year from age(ts, timestamp '2020-01-01')) | to_char(ts, 'HH24:MI:SS.MS') | to_char(d, 'Mon DD, YYYY')
to_char(d, 'YYYYMM') | to_char(d, 'FMDay') | to_char(d, 'IYYY-IW') | to_date('2024-03-05', 'YYYY-MM-DD')
to_timestamp(1700000000) | make_date(2024, 2, 3) | ts::date | ts::time | d::timestamp | d::text | ts::text
n::float8 / 2 | ts at time zone 'Europe/Berlin' | n is distinct from z | n between -10 and 10 | n in (7, z)
array[n, z] | array_length(array[1, 2], 1) | array_to_string(array[1, 2, 3], ',') | (string_to_array(s, ','))[1]
n = any(array[7, 8]) | cardinality(array[1, 2]) | ('{"a": {"b": [1, 2]}}'::jsonb) -> 'a' -> 'b' ->> 0
(('{"a": 1}'::jsonb) ->> 'a')::int | jsonb_array_length('[1, 2]'::jsonb) | '{"a": {"b": 3}}'::jsonb #>> '{a,b}'
mod(n, 3) | log(100) | ln(2) | n & 3 | starts_with(s, 'A') | n::bigint * 3000000000 | 1 / 2 | 7 / 2.0 | (5 / 2) * 2
round(n / 2.0) | (n / 2.0)::int | (n / 2.0)::numeric(9, 0) | round(n * 1.005 / 7, 2) | (n * 0.5 + 0.005)::float8::numeric(9, 2)
round(m / 3, 2)::text | m::float8::text | (n * 1e14::float8)::text | s::varchar(2) | s::char(2) | 'is ' || b | concat(b, d, m)
concat_ws('-', n::float8, b) | array_to_string(array[b, null, true], ',') | substr(s, n, 9) | substr(s, 0, 2) | substr(s, -1, 4)
to_char(d, 'Day') | to_char(d, 'YYYY-"Q"Q') | to_char(ts, 'WW') | to_char(d, 'D, Dy DY dy') | to_char(d, 'Month MON mon FMMonth')
to_hex(id + 170) | (n, id) < (7, 2) | (n, id) >= (7, 1) | array_length(string_to_array('', ','), 1) | null::int[] || array[id]
(('{"a": ["x", "[y]"]}'::jsonb) -> 'a' ->> 1) | jsonb_typeof('{"a": 1}'::jsonb -> 'a') | (('{"a": {"b": 1}}'::jsonb) #> '{a,b}')
jsonb_extract_path_text('{"a": {"b": "c"}}'::jsonb, 'a', 'b') | jsonb_array_length('{"a": [1, 2]}'::jsonb -> 'a')
upper('straße ẞ') | initcap(s) | to_hex(n) | to_hex(n::bigint) | string_to_array(s, '') | to_jsonb(ts) | to_jsonb(d)
jsonb_build_object('at', ts, 'n', n) | jsonb_build_array(ts, m) | to_timestamp('05 Dec 2000', 'DD Mon YYYY')
(array[1, 2, 3])[-1] | (array[1, 2, 3])[0] | regexp_replace('a' || chr(10) || 'b', 'a.b', 'x') | ('a' || chr(10) || 'b') ~ 'a.b' | 1.0 / 3 * 3
round(5 / 2) | round(2.5) | round(-2.5) | cast(2.5 as int) | interval '1 day' * n | substring(s from '[a-z]+') | m::text
"""
AGGREGATES = """
sum(n) | sum(n) / count(*) | avg(n) | avg(m) | count(*) / 2 | count(distinct b) | string_agg(s, ',' order by id desc)
string_agg(distinct s, ',') | array_agg(id order by id desc) | array_agg(distinct n) | bool_and(b) | every(b) | bool_or(b)
stddev(n) | variance(m) | percentile_cont(0.5) within group (order by n) | count(*) filter (where n > 0)
percentile_disc(0.5) within group (order by n) | max(ts) - min(ts) | sum(n)::float8 / nullif(count(*), 0)
round(avg(id + 0.5)) | avg(id)::int | round(avg(n), 2) | corr(n, 1) | round(stddev(n)) | sum(m)::numeric(20, 2)::text | 100.0 * sum(n) / count(*) | sum(n) * 100 / count(*) | jsonb_agg(id order by id)
"""
WINDOWS = """
row_number() over (order by n) | row_number() over (order by n desc) | rank() over (order by b)
lag(n) over (order by id) | lead(n, 1, 0) over (order by id) | sum(n) over (order by id) | ntile(2) over (order by id)
first_value(n) over (order by n desc) | sum(n) over (partition by b order by id rows 1 preceding)
dense_rank() over (order by s nulls first) | percent_rank() over (order by id)
count(*) over (order by d range between interval '60 days' preceding and current row)
"""
QUERIES = """
select distinct on (b) b, id from t order by b, id desc | select id from t order by n limit 1
select id from t order by n desc limit 1 | select id from t order by n nulls first limit 1
select g from generate_series(1, 5, 2) as g | select id, u from t, unnest(string_to_array(s, ',')) as u
select g::date as g from generate_series(date '2024-01-30', date '2024-02-02', interval '1 day') g
select id, l.x from t cross join lateral (select n * 2 as x) l | select b, count(*) from t group by rollup(b)
select t.id from t join t t2 using (id) | select id from t where exists (select 1 from t x where x.z = t.id)
select id from t except select 1 | select coalesce(a.id, b.id) as id from t a full join t b on a.id = b.z
select n / 2 as h, (n / 2) / 2 as q from t | select x / 2 as y from (select sum(n) as x from t) q
select avg(h) as a from (select n / 2 as h from t) q | select id from t where ts::date = '2024-02-29'
select count(*), max(n) - 1, s::text, upper(s) from t group by s
select round(a + 1) as a, round(f + 1) as f, (a + 1)::int as i from (select avg(id) as a, avg(id::float8) as f from t where id < 3) q
select count from (select count(*) from t) q | select b, sum(n) as n from t group by b order by b | select case b when true then 'y' else 'n' end as c from t
"""
REFUSED = """
to_char(d, 'CC') | to_char(n, 'FM000') | format('%s-%s', s, n) | (m::numeric)::text | string_to_array(s, null)
'{"a": 1}'::jsonb || '{"b": 2}'::jsonb | s similar to upper(s) | to_char(ts, s) | split_part(s, '', 1)
to_jsonb(d) ->> 0 | jsonb_build_object('a', m) ->> 'a' | to_jsonb(m)::text | to_char(ts, 'SSSS') | date_trunc('century', ts)
array_remove(array[n], 1) | s::jsonb = '{"a": 1}'::jsonb
"""
REFUSED_AT_RUN_TIME = """
to_jsonb(array[ts]) | (m / 3)::text | avg(m)::text | 'mean ' || avg(n) | (ts - ts)::text | '{"a": {"b": 1}}'::jsonb ->> 'a' | '[1]'::jsonb::text
array[n]::text | (n * 1e20::float8)::text | m::numeric(38, 4)::text | concat('a', ts - ts)
"""


def told(text: str) -> list[str]:
    return [part.strip() for line in text.splitlines() for part in line.split(" | ") if part.strip()]


def different(connection: Connection, warehouse: Warehouse, dialect: str, queries: Iterable[str]) -> list[str]:
    """The queries that do not give the same rows in memory, each with both."""
    adapter = open_in_memory(_target(warehouse))
    memory = adapter.connect()
    found = []
    try:
        for statement in STATEMENTS[dialect, adapter.dialect]:
            memory.execute(statement)
        connection.execute("set timezone = 'UTC'")
        memory.execute("set timezone = 'UTC'")
        for query in queries:
            expected = connection.execute(ROWS + query).rows
            try:
                answer = memory.execute(transpiled(ROWS + query, dialect, adapter.dialect, dict))
            except DatabaseError as error:
                found.append(f"{query}: {error.message}")
                continue
            if compare(answer.columns, expected, answer.rows, adapter.dialect).lines:
                found.append(f"{query}: {expected} and in memory {answer.rows}")
    finally:
        memory.close()
        adapter.close()
    return found


def _target(warehouse: Warehouse) -> Any:
    from eltbuild.adapter import Target

    return Target("conformance", "dev", warehouse.type, "", "main")


@pytest.fixture
def dialect(warehouse: Warehouse, adapter: Any) -> str:
    """The dialect of the warehouse; where it is that of the database in memory, there is nothing to translate."""
    memory = open_in_memory(_target(warehouse))
    memory.close()
    if memory.dialect == adapter.dialect:
        pytest.skip("its SQL is that of the database in memory")
    return str(adapter.dialect)


@pytest.mark.parametrize(
    "queries",
    [
        [f"select id, {value} as v from t" for value in told(VALUES)],
        [f"select {value} as v from t" for value in told(AGGREGATES)],
        [f"select id, {value} as v from t" for value in told(WINDOWS)],
        told(QUERIES),
    ],
    ids=["values", "aggregates", "windows", "queries"],
)
def test_translations_give_the_same_rows(
    connection: Connection, warehouse: Warehouse, dialect: str, queries: list[str]
) -> None:
    assert different(connection, warehouse, dialect, queries) == []


def test_what_has_no_equal_is_an_error_where_a_value_shows_it(warehouse: Warehouse, dialect: str) -> None:
    adapter = open_in_memory(_target(warehouse))
    memory = adapter.connect()
    try:
        for statement in STATEMENTS[dialect, adapter.dialect]:
            memory.execute(statement)
        for value in told(REFUSED_AT_RUN_TIME):
            text = transpiled(f"{ROWS}select {value} as v from t group by n, m, ts", dialect, adapter.dialect, dict)
            with pytest.raises(DatabaseError, match="has no equal in memory"):
                memory.execute(text)
    finally:
        memory.close()
        adapter.close()


def test_what_has_no_equal_is_refused(warehouse: Warehouse, dialect: str) -> None:
    memory = open_in_memory(_target(warehouse))
    for value in told(REFUSED):
        with pytest.raises(Untranslatable, match="has no equal"):
            transpiled(f"select {value} as v from t", dialect, memory.dialect)
    memory.close()

"""Changes of a query: which there are, where, and that each of them is SQL."""

from __future__ import annotations

import duckdb
import pytest

from eltbuild.quality.mutations.changes import changed, mutants
from eltbuild.quality.mutations.words import words_of


def told(query: str, kind: str = "", dialect: str = "duckdb") -> list[str]:
    """The whole queries that come of the changes of a kind."""
    return [changed(query, one) for one in mutants(words_of(query, dialect)) if kind in ("", one.kind)]


@pytest.mark.parametrize(
    ("kind", "query", "expected"),
    [
        ("comparison", "select a<b, c >= 1, d != 2", ["a<=b", "c > 1", "d = 2"]),
        ("comparison", "select a -> 'x', '<', x /* < */", []),
        ("connective", "select a AND b or c", ["a OR b", "b and c"]),
        ("connective", "select a between 1 and 2 and b between 3 and 4", ["2 or b"]),
        ("negation", "select a where not b and c not in (1) and d is not null", ["where b", "c in (1)"]),
        ("null", "select a is null, b IS NOT NULL", ["a is not null", "b IS NULL"]),
        ("arithmetic", "select a.*, count(*), -1 + a * b, (c) / 2", ["-1 - a", "a / b", "(c) * 2"]),
        ("join", "select 1 from a join b using (i)", ["a left join b"]),
        ("join", "select 1 from a inner join b using (i)", ["a left join b"]),
        ("join", "select 1 from a LEFT OUTER JOIN b using (i)", ["a INNER JOIN b"]),
        ("join", "select 1 from a cross join b natural join c", []),
        ("function", "select sum(a), SUM (b) over ()", ["max(a)", "MAX (b)"]),
        ("function", "select count(*), count(a), count(distinct a)", ["max(1)", "count(distinct a), count"]),
        ("function", "select schema.sum(a), sum, 'sum('", []),
        ("distinct", "select distinct a", ["select a"]),
        ("distinct", "select distinct on (a) a, b is distinct from c", []),
        ("union", "select 1 union all select 2 UNION select 3", ["1 union select", "2 UNION ALL select"]),
        ("predicate", "select 1 from t where a and (b or c) group by 1", ["where 1 = 1 and (b", "a and 1 = 1 group"]),
        ("predicate", "select 1 from t where a or b", ["where 1 = 1"]),
        ("predicate", "select sum(a) filter (where b) from t", ["filter (where 1 = 1)"]),
        ("predicate", "select 1 from a join b on a.i = b.i left join c on true", ["on 1 = 1 left", "on 1 = 1"]),
        ("case", "select case when a then 1 else 2 end", ["select 2", "then 2 else 1 end"]),
        ("case", "select case when a then 1 end", ["select null"]),
        (
            "case",
            "select case x when 1 then (case when b then 1 end) when 2 then 3 end",
            ["case x when 2 then 3 end", "then 3 when 2 then (case", "(null)", "end) end"],
        ),
        ("fallback", "select coalesce(f(a, 1), 2, 3), nullif(b, 0)", ["select f(a, 1), ", "3), b"]),
        ("order", "select sum(a) over (order by b, c desc nulls last) from t order by 1", ["b desc,", "c asc nulls"]),
        ("order", "select a from t order by a + 1 limit 2", ["a + 1 desc limit"]),
        ("order", "select a from (select b from t order by b)", []),
        ("literal", "select 1, 2.5, true, 'x', '2024-02-28', interval '3 days'",
         ["select 2,", "3.5", "false", "'x~'", "'2024-02-29'", "'4 days'"]),
        ("literal", "select cast(a as decimal(10, 2)) from t group by 1, a + 2 order by 1", ["a + 3"]),
    ],
)  # fmt: skip
def test_changes(kind: str, query: str, expected: list[str]) -> None:
    found = told(query, kind)
    assert len(found) == len(expected), found
    for part in expected:
        assert any(part in one for one in found), (part, found)


def test_text_and_comments_stay_as_they_are():
    query = "select a -- a < b\nfrom t /* where */ where x < 1\n"
    assert told(query, "comparison") == ["select a -- a < b\nfrom t /* where */ where x <= 1\n"]
    one = mutants(words_of(query, "duckdb"))[0]
    assert query[one.start : one.end] == one.before


def test_what_is_no_sql_has_no_changes():
    assert told("select 'never ended") == []
    assert told("") == []


QUERY = """
with orders as (select i as id, i % 3 as customer, i * 1.5 as amount, date '2024-01-01' + i::int as day from range(9) t(i))
select distinct customer, count(*) as n, count(distinct id) as ids, coalesce(sum(amount), 0) as total,
  case when sum(amount) > 5 then 'a' when min(amount) is null then 'b' else 'c' end as kind,
  row_number() over (partition by customer order by sum(amount) desc) as number
from orders
inner join (select 1 as one) as x on one = 1 and id > 0
left join (select 2 as two) as y on two = id
where amount between 1 and 100 and not (day < '2024-01-02' or customer in (7, 8))
group by 1
having count(*) filter (where id is not null) >= 1
union all
select 9, 1, 1, 2.0, 'z', 1 order by 1 limit 5
"""


def test_each_change_gives_another_text_that_can_be_run():
    found = told(QUERY)
    assert len(found) > 50
    assert len(set(found)) == len(found)
    for query in found:
        assert query != QUERY
        try:
            duckdb.execute(query).fetchall()
        except duckdb.ParserException as error:
            raise AssertionError(query) from error
        except duckdb.Error:
            # Types may not fit any more: that a change ends in an error is told.
            continue

"""Functions of a project's own, on every warehouse: what they give, whose they are, and what an engine has none of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from conformance.bench import Bench
from conformance.projects import Project, ended

from eltbuild.sql.functions import is_possible, standing_functions

FUNCTION = """
functions:
  - name: add_tax
    config: {volatility: deterministic}
    arguments:
      - {name: price, data_type: integer}
      - {name: rate, data_type: integer, default_value: 2}
    returns: {data_type: bigint}
    overloads:
      - defined_in: add_words
        arguments: [{name: a, data_type: text}, {name: b, data_type: text}, {name: c, data_type: text}]
        returns: {data_type: text}
"""
SHOP: Mapping[str, str] = {
    "functions/add_tax.sql": "select price * rate",
    "functions/add_words.sql": "select a || b || c",
    "functions/f.yml": FUNCTION,
    "models/orders.sql": (
        "select id, {{ function('add_tax') }}(id) as two, {{ function('add_tax') }}(id, 3) as three,"
        " {{ function('add_tax') }}('a', 'b', 'c') as words from {{ ref('ids') }}"
    ),
    "models/ids.sql": "select 1 as id union all select 2 as id",
}


@pytest.fixture
def shop(bench: Bench, tmp_path: Path) -> Project:
    return Project(bench, tmp_path / "shop")


def rows(bench: Bench, name: str = "orders") -> list[tuple[object, ...]]:
    return [tuple(row) for row in bench.connection.execute(f"select * from {bench.spelled(name)} order by 1").rows]


def test_a_model_calls_a_function_and_its_overload(shop: Project, bench: Bench) -> None:
    finished = shop.write(SHOP).run()
    assert {name: event.status for name, event in finished.items()} == dict.fromkeys(finished, "success")
    assert rows(bench) == [(1, 2, 3, "abc"), (2, 4, 6, "abc")]
    assert finished["add_tax"].extra["overload_results"] == {"successful": ["add_words"], "failed": []}

    shop.write({"functions/add_tax.sql": "select price * rate + 100"}).run(select=("add_tax",))
    assert rows(bench) == [(1, 102, 103, "abc"), (2, 104, 106, "abc")]


def test_what_others_made_is_refused_then_adopted(shop: Project, bench: Bench) -> None:
    place = bench.at("add_tax")
    name = bench.writer.relation(place)
    if bench.writer.dialect == "duckdb":
        bench.connection.execute(f"create macro {name}(price, rate) as 7")
    else:
        bench.connection.execute(
            f"create function {name}(price int, rate int) returns bigint language sql as 'select 7'"
        )
    finished = shop.write({**SHOP, "models/named.sql": "{{ config(alias='add_tax') }} select 1 as id"}).run()
    assert ended(finished, "orders")[0] == "skipped"
    assert ended(finished, "add_tax") == ("error", f"`{place}` is a function that this project did not build")
    assert ended(finished, "named") == ("success", "")
    question = standing_functions(bench.writer.dialect, place)
    assert question is not None
    assert len(bench.connection.execute(question).rows) == 1

    shop.run(adopt=True)
    assert rows(bench) == [(1, 2, 3, "abc"), (2, 4, 6, "abc")]
    (file,) = (shop.root / ".eltbuild" / "archive").iterdir()
    assert "7" in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    assert (shop.root / ".eltbuild" / ".gitignore").read_text() == "*\n"
    assert shop.run()["orders"].status == "success"


@pytest.mark.parametrize(
    ("kind", "body", "returns", "query", "expected"),
    [
        (
            "table",
            "select i from (values (1), (2), (3)) t(i) where i < n",
            "table(i integer)",
            "select i from {}(3)",
            2,
        ),
        ("aggregate", "max(n) * 10", "integer", "select {}(id) as i from {{{{ ref('ids') }}}}", 1),
    ],
)
def test_each_type_that_the_engine_has(
    shop: Project, bench: Bench, kind: str, body: str, returns: str, query: str, expected: int
) -> None:
    entry = f"{{name: f, config: {{type: {kind}}}, arguments: [{{name: n, data_type: integer}}],"
    files = {
        "functions/f.sql": body,
        "functions/f.yml": f"functions: [{entry} returns: {{data_type: '{returns}'}}}}]",
        "models/ids.sql": SHOP["models/ids.sql"],
        "models/orders.sql": query.format("{{ function('f') }}"),
    }
    finished = shop.write(files).run()
    if is_possible(bench.writer.dialect, kind):
        assert ended(finished) == ("success", "")
        assert len(rows(bench)) == expected
    else:
        status, message = ended(finished, "f")
        assert status == "error"
        assert f"function `f`: this adapter has no {kind} functions in SQL" in message
        assert ended(finished)[0] == "skipped"

from __future__ import annotations

from textwrap import dedent

import pytest

from eltbuild.errors import Problem
from eltbuild.project.entries import NodeEntry, PropertiesFile, TestEntry
from eltbuild.project.names import base_names
from eltbuild.project.properties import read_properties


def read(text: str) -> PropertiesFile:
    return read_properties(dedent(text))


def clean(text: str) -> PropertiesFile:
    file = read(text)
    assert file.problems == ()
    return file


def model(text: str) -> NodeEntry:
    (entry,) = clean(text).models
    return entry


def told(problem: Problem) -> str:
    assert problem.place is not None
    return f"{problem.severity} {problem.place.line}:{problem.place.column} {problem.message} | {problem.hint}"


# What is read ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "version: 2\n", "models:\n", "anchors: [{a: 1}]\n"])
def test_a_file_may_be_empty(text: str) -> None:
    assert read_properties(text) == PropertiesFile()


def test_a_model_with_all_that_it_may_have() -> None:
    entry = model(
        """\
        models:
          - name: orders
            description: Orders.
            docs: {show: false}
            group: finance
            access: private
            meta: {owner: me}
            deprecation_date: 2030-01-31
            config: {materialized: table, tags: [a]}
            constraints: [{type: primary_key, columns: [id]}]
            time_spine: {standard_granularity_column: day}
            columns:
              - name: id
                description: Key.
                data_type: integer
                quote: true
                tags: k
                meta: {a: 1}
                config: {meta: {b: 2}, tags: [l]}
                constraints: [{type: not_null}]
                data_tests: [unique]
        """
    )
    assert entry.config == {
        "materialized": "table",
        "tags": ["a"],
        "docs": {"show": False},
        "group": "finance",
        "access": "private",
        "meta": {"owner": "me"},
    }
    assert entry.deprecation_date == "2030-01-31"
    assert entry.constraints == ({"type": "primary_key", "columns": ["id"]},)
    assert entry.extra == {"time_spine": {"standard_granularity_column": "day"}}
    assert (entry.line, entry.column) == (2, 5)
    (column,) = entry.columns
    assert column.spec.data_type == "integer"
    assert column.spec.meta == {"a": 1, "b": 2}
    assert column.spec.tags == ("k", "l")
    assert column.spec.constraints == ({"type": "not_null"},)
    assert column.tests == (TestEntry("unique", None, {"column_name": '"id"'}, line=21, column=22),)


def data_tests(text: str) -> tuple[TestEntry, ...]:
    head = "models:\n  - name: m\n    data_tests:\n"
    file = read_properties(head + dedent(text).replace("\n", "\n      ").join(["      ", ""]))
    assert file.problems == ()
    return file.models[0].tests


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("- unique", TestEntry("unique")),
        ("- dbt_utils.at_least_one", TestEntry("at_least_one", "dbt_utils")),
        ("- not_null:", TestEntry("not_null")),
        ("- not_null: {}", TestEntry("not_null")),
        ("- x: {a: 1, b: [q]}", TestEntry("x", None, {"a": 1, "b": ["q"]})),
        ("- x: {arguments: {a: 1}}", TestEntry("x", None, {"a": 1})),
        ("- x: {b: 2, arguments: {a: 1}}", TestEntry("x", None, {"a": 1, "b": 2})),
        ("- x: {severity: warn, limit: 5, a: 1}", TestEntry("x", None, {"a": 1}, {"severity": "warn", "limit": 5})),
        ("- x: {config: {where: w, mine: 1}}", TestEntry("x", None, {}, {"where": "w", "mine": 1})),
        ("- x: {name: n, description: d}", TestEntry("x", None, {}, {}, "n", "d")),
        ("- {test_name: x, name: n, a: 1}", TestEntry("x", None, {"a": 1}, {}, "n")),
        ("- x: {column_name: c}", TestEntry("x", None, {"column_name": "c"})),
        ("- x: {at: 2020-01-31 10:00:00}", TestEntry("x", None, {"at": "2020-01-31 10:00:00"})),
        ("- x: {day: 2020-01-31}", TestEntry("x", None, {"day": "2020-01-31"})),
    ],
)  # fmt: skip
def test_the_ways_to_write_a_test(text: str, wanted: TestEntry) -> None:
    (found,) = data_tests(text)
    assert (found.line, found.column) == (4, 9)
    for name in ("name", "namespace", "arguments", "config", "title", "description"):
        assert getattr(found, name) == getattr(wanted, name)


def test_tests_is_the_old_name_of_data_tests() -> None:
    entry = model("models: [{name: m, tests: [a], columns: [{name: c, tests: [b]}]}]")
    assert [test.name for test in entry.tests] == ["a"]
    assert entry.columns[0].tests[0].arguments == {"column_name": "c"}


def test_versions() -> None:
    entry = model(
        """\
        models:
          - name: m
            latest_version: 2
            columns: [{name: a}, {name: b}]
            versions:
              - v: 1
                defined_in: old_m
                deprecation_date: 2031-01-01
                columns: [{include: all, exclude: [b]}]
              - v: 2
                description: second
                config: {alias: x}
                access: public
                columns: [{include: "*"}, {name: c}]
                data_tests: []
              - v: three
                columns: [{include: [a]}]
        """
    )
    first, second, third = entry.versions
    assert (first.v, first.defined_in, first.include, first.exclude) == (1, "old_m", None, ("b",))
    assert (first.tests, first.description, first.deprecation_date) == (None, None, "2031-01-01")
    assert (second.description, second.config, second.tests) == ("second", {"alias": "x", "access": "public"}, ())
    assert [column.spec.name for column in second.columns] == ["c"]
    assert (third.v, third.include) == ("three", ("a",))


def test_sources() -> None:
    (entry,) = clean(
        """\
        sources:
          - name: raw
            database: d
            schema: s
            loader: l
            loaded_at_field: ts
            freshness: {warn_after: {count: 1, period: day}, filter: "x > 1"}
            tags: [a]
            meta: {a: 1}
            config: {meta: {b: 2}, event_time: et}
            tables:
              - name: t
              - name: u
                identifier: U
                freshness: null
                loaded_at_query: select 1
                external: {location: x}
                columns: [{name: c, data_tests: [unique]}]
        """
    ).sources
    assert entry.config == {
        "event_time": "et",
        "freshness": {"warn_after": {"count": 1, "period": "day"}, "filter": "x > 1"},
        "loaded_at_field": "ts",
        "tags": ["a"],
        "meta": {"a": 1, "b": 2},
    }
    plain, full = entry.tables
    assert (plain.name, plain.config, plain.identifier) == ("t", {}, None)
    assert full.config == {"freshness": None, "loaded_at_query": "select 1"}
    assert full.columns[0].tests[0].name == "unique"


def test_the_other_kinds() -> None:
    file = clean(
        """\
        seeds: [{name: se, config: {column_types: {a: int}}}]
        snapshots: [{name: sn, relation: ref('m')}]
        analyses: [{name: an}]
        tests: [{name: st, description: d}]
        macros: [{name: ma, arguments: [{name: x, type: int}], docs: {show: false}}]
        exposures:
          - {name: ex, type: ml, owner: {email: e}, depends_on: [ref('m')], tags: [a], config: {tags: [b]}}
        groups: [{name: gr, owner: {name: n}}]
        unit_tests:
          - name: ut
            model: m
            given: [{input: ref('a'), rows: [{x: 1}]}, {input: this, format: csv, fixture: f}]
            expect: {format: sql, rows: select 1}
            overrides: {vars: {v: 1}}
        metrics: [{name: me, filter: "{{ Dimension('x') }} = 1"}]
        semantic_models: [{name: sm, model: ref('m')}]
        saved_queries: [{name: sq}]
        functions: [{name: fu, arguments: [{name: x, data_type: int}], returns: {data_type: int}, config: {type: table}}]
        """
    )
    assert file.seeds[0].config == {"column_types": {"a": "int"}}
    assert file.snapshots[0].relation == "ref('m')"
    assert file.data_tests[0].description == "d"
    assert file.macros[0].arguments == ({"name": "x", "type": "int", "description": ""},)
    assert file.exposures[0].depends_on == ("ref('m')",)
    assert file.exposures[0].config == {"tags": ["a", "b"]}
    assert file.groups[0].owner == {"name": "n"}
    first, second = file.unit_tests[0].given
    assert first == {"input": "ref('a')", "rows": [{"x": 1}], "format": "dict", "fixture": None}
    assert second == {"input": "this", "rows": None, "format": "csv", "fixture": "f"}
    assert file.unit_tests[0].expect == {"rows": "select 1", "format": "sql", "fixture": None}
    assert [entry.kind for entry in file.others] == ["metric", "semantic_model", "saved_query"]
    (function,) = file.functions
    assert function.config == {"type": "table"}
    assert function.extra["arguments"][0] == {
        "name": "x", "data_type": "int", "description": None, "default_value": None,
    }  # fmt: skip
    assert function.extra["returns"]["data_type"] == "int"
    assert file.others[0].body["filter"] == "{{ Dimension('x') }} = 1"


def test_a_text_that_ends_the_file_ends_without_a_newline() -> None:
    assert model("models:\n  - name: m\n    description: |\n      last\n").description == "last"


# What is wrong -----------------------------------------------------------------------------------------------

WRONG = [
    ("- a\n", "error 1:1 a properties file is a mapping such as `models: [...]`, not a list | "),
    ("text", "error 1:1 a properties file is a mapping such as `models: [...]`, not text | "),
    ("models: {a: 1}", "error 1:1 `models` of a properties file must be a list, not a mapping | "),
    ("models: [a]", "error 1:10 each item of `models` of a properties file is a mapping, not text | "),
    ("models: [{description: x}]", "error 1:10 a model here has no `name` | "),
    ("models: [{name: }]", "error 1:11 a model here has no `name` | "),
    ("models: [{name: on}]", "error 1:11 `name` of a model must be text, not true or false | put it in quotes"),
    ("seeds: [{name: 2020-01-01}]", "error 1:10 `name` of a seed must be text, not a date | put it in quotes"),
    ("models: [{name: a, description: [x]}]", "error 1:20 `description` of model `a` must be text, not a list | "),
    ("models: [{name: a, columns: {b: c}}]", "error 1:20 `columns` of model `a` must be a list, not a mapping | "),
    ("models: [{name: a, columns: [{nme: b}]}]", "error 1:30 a column of model `a` here has no `name` | "),
    ("models: [{name: a, config: 3}]", "error 1:20 `config` of model `a` must be a mapping, not a number | "),
    ("models: [{name: a, access: secret}]",
     "error 1:20 `access` of model `a` cannot be `secret` | it is one of private, protected, public"),
    ("models: [{name: a, access: privat}]",
     "error 1:20 `access` of model `a` cannot be `privat` | did you mean `private`?"),
    ("models: [{name: a, tests: [x], data_tests: [y]}]",
     "error 1:20 model `a` has both `tests` and `data_tests` | keep `data_tests`"),
    ("models: [{name: a, data_tests: [[x]]}]",
     "error 1:33 a test of model `a` is a name or a mapping, not a list | "),
    ("models: [{name: a, data_tests: [{x: , y: 1}]}]",
     "error 1:33 a test of model `a` has several keys where one, its name, is expected: `x`, `y` | "
     "the arguments of a test stand below its name, indented by two more spaces"),
    ("models: [{name: a, data_tests: [{x: 3}]}]",
     "error 1:34 the arguments of test `x` of model `a` must be a mapping, not a number | "),
    ("models: [{name: a, data_tests: [{x: {limit: 1, config: {limit: 2}}}]}]",
     "error 1:38 test `x` has `limit` both under `config:` and beside it | "),
    ("models: [{name: a, meta: {a: 1}, config: {meta: {b: 1}}}]",
     "error 1:20 model `a` has `meta` both under `config:` and beside it | keep the one under `config:`"),
    ("models: [{name: a, constraints: [{type: notnull}]}]",
     "error 1:35 `type` of a constraint of model `a` cannot be `notnull` | did you mean `not_null`?"),
    ("models: [{name: a, deprecation_date: soon}]",
     "error 1:20 `deprecation_date` of model `a` is no date | write it as 2030-12-31"),
    ("models: [{name: a, versions: [{v: 1}, {v: '1'}]}]", "error 1:40 model `a` has version 1 twice | "),
    ("models: [{name: a, versions: [{}]}]", "error 1:31 a version of model `a` has no `v` | "),
    ("sources: [{name: s, freshness: 3}]", "error 1:21 `freshness` of source `s` must be a mapping, not a number | "),
    ("sources: [{name: s, freshness: {warn_after: {count: x, period: day}}}]",
     "error 1:46 `count` of source `s` must be a whole number, not text | "),
    ("sources: [{name: s, freshness: {warn_after: {count: 1, period: week}}}]",
     "error 1:56 `period` of `warn_after` of source `s` cannot be `week` | it is one of minute, hour, day"),
    ("sources: [{name: s, loaded_at_field: a, loaded_at_query: b}]",
     "error 1:41 source `s` has both `loaded_at_field` and `loaded_at_query` | keep one of them"),
    ("exposures: [{name: e, owner: {name: n}}]", "error 1:13 exposure `e` here has no `type` | "),
    ("exposures: [{name: e, type: dashbord, owner: {name: n}}]",
     "error 1:23 `type` of exposure `e` cannot be `dashbord` | did you mean `dashboard`?"),
    ("exposures: [{name: e, type: ml}]",
     "error 1:13 exposure `e` has no owner | give `owner:` a `name` or an `email`"),
    ("groups: [{name: g}]", "error 1:10 group `g` has no owner | give `owner:` a `name` or an `email`"),
    ("unit_tests: [{name: u, expect: {rows: []}}]", "error 1:14 unit test `u` here has no `model` | "),
    ("unit_tests: [{name: u, model: m}]",
     "error 1:14 unit test `u` has no `expect` | write the rows that the model must give"),
    ("unit_tests: [{name: u, model: m, given: [{rows: []}], expect: {rows: []}}]",
     "error 1:42 an entry of `given` of unit test `u` here has no `input` | "),
    ("unit_tests: [{name: u, model: m, expect: {format: cvs, rows: ''}}]",
     "error 1:43 `format` of `expect` of unit test `u` cannot be `cvs` | did you mean `csv`?"),
    ("macros: [{name: m, arguments: [{type: int}]}]", "error 1:32 an argument of macro `m` here has no `name` | "),
    ("modles: []", "warning 1:1 `modles` is not a key of a properties file and is ignored | did you mean `models`?"),
    ("models: [{name: a, desciption: x}]",
     "warning 1:20 `desciption` is not a property of model `a` and is ignored | did you mean `description`?"),
    ("models: [{name: a, materialized: table}]",
     "warning 1:20 `materialized` is not a property of model `a` and is ignored | move it under `config:`"),
    ("models: [{name: a, columns: [{name: b, dta_type: x}]}]",
     "warning 1:40 `dta_type` is not a property of column `b` and is ignored | did you mean `data_type`?"),
    ("models: [{name: a, columns: [{name: b}, {name: b}]}]",
     "warning 1:42 column `b` of model `a` is described twice; the last one counts | keep one of them"),
    ("sources: [{name: s, freshness: {warn_after: {count: 1}}}]",
     "warning 1:33 `warn_after` of source `s` is half a rule and is ignored | write both `count` and `period`"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), WRONG, ids=[text for text, _ in WRONG])
def test_what_is_wrong_is_told_with_its_place(text: str, wanted: str) -> None:
    assert [told(problem) for problem in read_properties(text).problems] == [wanted]


def test_broken_yaml_is_one_error_with_its_place() -> None:
    (problem,) = read_properties("models:\n  - name: 'a\n").problems
    assert problem.place is not None
    assert problem.place.line == 2


def test_all_problems_are_told_together() -> None:
    file = read("models: [{name: 1}, {name: a, columns: 3}]\nseeds: 4\n")
    assert len(file.problems) == 3
    assert [entry.name for entry in file.models] == ["a"]


# Jinja -------------------------------------------------------------------------------------------------------

NAMES = base_names({"HOME_SCHEMA": "hs"}, {"n": 7, "on": False, "l": [1]}, secrets_allowed=False)


def test_a_file_with_jinja_says_that_it_needs_names() -> None:
    assert read("models: [{name: a, config: {enabled: \"{{ var('on') }}\"}}]") == PropertiesFile(templated=True)


@pytest.mark.parametrize(
    "text",
    [
        "models: [{name: a, description: \"{{ doc('x') }}\"}]",
        "models: [{name: a, columns: [{name: b, description: \"{{ doc('x') }}\"}]}]",
        "models: [{name: a, data_tests: [{x: {to: \"{{ ref('b') }}\", config: {where: \"{{ var('n') }}\"}}}]}]",
        "models: [{name: a, versions: [{v: 1, description: \"{{ doc('x') }}\"}]}]",
        'models: [{name: a, config: {post_hook: "grant select on {{ this }} to x", "pre-hook": ["{{ log(this) }}"]}}]',
        'sources: [{name: s, loaded_at_query: "select {{ this }}"}]',
        "exposures: [{name: e, type: ml, owner: {name: n}, depends_on: [\"{{ ref('a') }}\"]}]",
        "metrics: [{name: m, filter: \"{{ Dimension('x') }}\"}]",
        'unit_tests: [{name: u, model: m, description: "{{ x }}", expect: {rows: []}}]',
    ],
)
def test_jinja_that_is_rendered_later_needs_no_names(text: str) -> None:
    file = read_properties(text)
    assert not file.templated
    assert file.problems == ()


def test_values_are_rendered_natively_and_kept_as_written() -> None:
    text = """\
    models:
      - name: a
        config: {enabled: "{{ var('on') }}", meta: {n: "{{ var('n') }}", d: {description: "{{ var('n') }}"}}}
        versions: [{v: 1, config: {alias: "x{{ var('n') }}"}}]
    sources:
      - {name: s, schema: "{{ env_var('HOME_SCHEMA') }}", tables: [{name: t}]}
    unit_tests:
      - {name: u, model: a, given: [], expect: {rows: [{x: "{{ var('n') }}"}]}}
    """
    file = read_properties(dedent(text), NAMES)
    assert file.problems == ()
    (entry,) = file.models
    assert entry.config == {"enabled": False, "meta": {"n": 7, "d": {"description": 7}}}
    assert entry.unrendered_config is not None
    assert entry.unrendered_config["enabled"] == "{{ var('on') }}"
    assert entry.versions[0].config == {"alias": "x7"}
    assert entry.versions[0].unrendered_config == {"alias": "x{{ var('n') }}"}
    assert (entry.line, entry.column) == (2, 5)
    assert (file.sources[0].schema, file.sources[0].unrendered_schema) == ("hs", "{{ env_var('HOME_SCHEMA') }}")
    assert file.unit_tests[0].expect["rows"] == [{"x": 7}]


def test_what_cannot_be_rendered_is_an_error_at_its_place() -> None:
    file = read_properties('models:\n  - name: a\n    config: {x: "{{ var(\'nn\') }}", y: "{{ 1 + }}"}\n', NAMES)
    assert [problem.place.line for problem in file.problems if problem.place] == [3, 3]
    assert "nn" in file.problems[0].message


# Hostile input -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "models: " + "[" * 3000,
        "a: &a [x, x]\n"
        + "\n".join(f"a{i}: &a{i} [*a{i - 1 if i else ''}, *a{i - 1 if i else ''}]" for i in range(40)),
        'models: [{name: "\\0"}]',
        "models: [{name: a, columns: [{name: {x: 1}}]}]",
        "models: &m [{name: a, config: *m}]",
        "? [a]\n: b",
        "models: [{name: a, meta: {1: x, true: y, ~: z}}]",
        "!!python/object/apply:os.system ['true']",
    ],
    ids=lambda text: text[:30],
)
def test_hostile_files_give_problems_or_entries_and_never_more(text: str) -> None:
    file = read_properties(text)
    assert file.problems or file.models


def test_values_beyond_json_are_not_lasting() -> None:
    assert not read("models: [{name: a, meta: {x: .inf}}]").lasting
    assert not read("models: [{name: a, meta: {x: 123456789012345678901234567890}}]").lasting
    assert read("models: [{name: a, meta: {x: 1.5}}]").lasting


def test_tests_outside_of_their_model_are_left_out_with_a_warning() -> None:
    text = "data_tests:\n  - name: kept\n  - unique: {column_name: id}\n  - name: \"{{ ref('x') }}\"\n"
    found = read_properties(text, {})
    assert [entry.name for entry in found.data_tests] == ["kept"]
    assert [(p.severity, p.place and p.place.line) for p in found.problems] == [("warning", 3)]
    assert "has no `name`" in found.problems[0].message

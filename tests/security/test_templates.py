"""What templates cannot do: run for ever, fill the memory, look into the program, read credentials, change for others."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from renderings import DuckDB, rendering, text
from security.attacks import ATTACKS
from security.shop import Shop

from eltbuild.compile.dbt.context import open_scope
from eltbuild.compile.rendering import MacroReturn, Rendering
from eltbuild.errors import EltbuildError
from eltbuild.jinja.errors import TemplateError

LIMIT = 4 << 30
"""Bytes of memory that the process of the attacks may have: a bound that is missing must not reach it."""
PATIENCE = 300
"""Seconds after which the process is ended: it is done in a few."""

PROFILE = """
shop:
  target: dev
  outputs:
    dev:
      type: duckdb
      path: shop.duckdb
      password: hunter2-canary
      host: postgres://me:embedded-canary@example.org/db
      secrets:
        - {type: s3, key_id: someone, secret: "{{ env_var('DBT_ENV_SECRET_S3') }}", region: eu-west-1}
"""
CANARIES = ("hunter2-canary", "embedded-canary", "environment-canary", "other-canary")


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    """What became of each attack, all tried in one process of their own."""
    script = (
        f"import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_AS, ({LIMIT}, {LIMIT}));"
        f"sys.argv = ['attacks']; runpy.run_path({str(Path(__file__).with_name('attacks.py'))!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=False)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(ATTACKS), f"ended at `{[*ATTACKS][len(found)]}`: {done.stderr[-2000:]}"
    return {name: outcome for name, outcome, _ in found}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_on_time_or_memory_ends_in_an_error_at_its_line(outcomes: dict[str, str], name: str) -> None:
    assert outcomes[name].startswith(("line 1: ", "line 2: ")), outcomes[name]


ESCAPES = [
    "''.__class__.__mro__",
    "''['__class__']",
    "''|attr('__class__')",
    "['']|map(attribute='__class__')|list",
    "'{0.__class__}'.format('')",
    "'{0.__class__.__mro__}'.format('')",
    "'{x.__class__}'.format_map({'x': ''})",
    "('{0.__class__}'|attr('format'))('')",
    "'%s' % ''.__class__",
    "lipsum.__globals__",
    "cycler.__init__.__globals__",
    "namespace.__init__.__globals__",
    "joiner.__init__.__globals__",
    "range.__class__",
    "dict.__base__",
    "(range(3)|map('string')).gi_frame.f_globals",
    "(range(3)|select('odd')).gi_code",
    "modules.itertools.count().gi_frame.f_builtins",
    "self.__init__.__globals__",
    "self._TemplateReference__context",
    "log.args[0].session.project.target.fields",
    "log.func.__globals__",
    "print.args",
    "run_query.rendering.session",
    "is_incremental.rendering.session",
    "own_macro.rendering.session.project.environment",
    "own_macro.macro.text",
    "ref._rendering",
    "ref|attr('_rendering')",
    "ref['_rendering']",
    "config._rendering",
    "adapter._rendering",
    "adapter.connections",
    "adapter.config.credentials.password",
    "adapter.type.__self__",
    "context._rendering",
    "context['log'].args",
    "context['__adapter']._rendering",
    "exceptions._rendering",
    "builtins._rendering",
    "builtins.open('/etc/passwd')",
    "builtins.__import__('os')",
    "builtins.env_var('DBT_ENV_SECRET_S3')",
    "this.place().database",
    "modules.os",
    "modules.re.sys",
    "modules.re.compile('x')._inner",
    "modules.datetime.sys",
    "modules.pytz.sys",
    "modules.pytz.timezone('../../../../../etc/passwd')",
    "modules._members",
    "target.password",
    "target.secrets",
    "target.host",
    "target",
    "env",
    "env_var('DBT_ENV_SECRET_S3')",
    "env_var('SHOP_ENV_SECRET_OTHER')",
    "env_var('DBT_ENV_SECRET_S3', 'x')",
    "dbt_metadata_envs",
    "flags.VARS",
    "invocation_args_dict",
    "graph",
    "model",
    "exceptions.raise_compiler_error(target)",
    "adapter.get_relation(target.password, 'a', 'b')",
    "load_result('x').__class__",
    "run_started_at.__class__",
    "joiner.__call__.__globals__",
    "(1).__class__.__base__.__subclasses__()",
    "undefined_name.__class__.__init__.__globals__",
    "caller.__globals__",
    "api.Relation.create.__func__.__globals__",
    "validation.any.__class__",
    "{}.__class__.__bases__",
]


SECRETS = frozenset(CANARIES[:2])
FIELDS = {
    "type": "duckdb", "path": "shop.duckdb", "password": CANARIES[0], "host": f"postgres://me:{CANARIES[1]}@example.org",
    "secrets": [{"type": "s3", "key_id": "someone", "secret": CANARIES[0]}],
}  # fmt: skip
ENVIRONMENT = {"DBT_ENV_SECRET_S3": CANARIES[2], "SHOP_ENV_SECRET_OTHER": CANARIES[3]}
INTERNAL = ("<class", "<module", "<frame", "<code", "<bound method", "root:x:", " object at 0x", *CANARIES)


@pytest.mark.parametrize("expression", ESCAPES)
def test_no_way_leads_from_a_template_to_a_secret_or_into_the_program(expression: str) -> None:
    plain = rendering(macros={"own_macro": "{% macro own_macro() %}x{% endmacro %}"})
    target = replace(plain.session.project.target, fields=FIELDS, secrets=SECRETS)
    project = replace(plain.session.project, target=target, environment=ENVIRONMENT)
    made = Rendering(replace(plain.session, project=project), plain.node, DuckDB())
    open_scope(made)
    try:
        said = text("{{ " + expression + " }}", made)
    except (TemplateError, EltbuildError) as error:
        said = f"{error} {getattr(error, 'hint', '')}"
    except MacroReturn as returned:
        said = str(returned.value)
    for word in INTERNAL:
        assert word not in said


def test_what_templates_ask_for_in_vain_is_nowhere_afterwards(shop: Shop) -> None:
    for name, value in ENVIRONMENT.items():
        shop.monkeypatch.setenv(name, value)
    shop.write({"profiles.yml": PROFILE, "models/a.sql": "select '{{ target.password }}{{ target }}{{ graph }}' as x"})
    said = shop.call("compile", "--debug").said
    shop.write({"models/a.sql": "select '{{ log.args[0].session.project.target.fields.password }}' as x"})
    said += shop.call("compile", "--debug").said
    assert "access to attribute 'args' of 'partial' object is unsafe" in said
    for canary in CANARIES:
        assert canary not in said
        for path, content in shop.left():
            assert canary.encode() not in content, path


REFUSED = [
    "{% do graph.clear() %}",
    "{% do graph.update({'nodes': {}}) %}",
    "{% do graph.update({'mine': 1}, nodes={}) %}",
]
CHANGES = [
    "{% do graph.nodes.clear() %}",
    "{% do graph.nodes.pop('model.shop.a') %}",
    "{% do graph['nodes'].update({'model.shop.a': 1}) %}",
    "{% do graph.get('nodes')['model.shop.a'].update({'fqn': 'changed'}) %}",
    "{% do graph.nodes['model.shop.a']['config'].pop('materialized') %}",
    "{% do graph.nodes['model.shop.a'].config.setdefault('x', 1) %}",
    "{% do graph.nodes['model.shop.a']['fqn'].append('changed') %}",
    "{% for node in graph.nodes.values() %}{% do node.config.meta.update({'x': 1}) %}{% endfor %}",
    "{% for key, node in graph.items() %}{% for id, one in node.items() %}{% do one.clear() %}{% endfor %}{% endfor %}",
    "{% for node in graph.nodes.values() | selectattr('name', 'equalto', 'a') %}{% do node.fqn.clear() %}{% endfor %}",
    "{% set copied = graph.nodes.copy() %}{% do copied['model.shop.a'].tags.append('x') %}",
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_template_changes_in_the_graph_no_other_sees(shop: Shop, change: str) -> None:
    seen = "{% if execute %}{{ tojson(graph, sort_keys=true) }}{% endif %} -- {{ ref('a') }}"
    shop.write({"models/a.sql": "select 1 as x", "models/b.sql": "{% if execute %}" + change + "{% endif %} select 1"})
    shop.write({"models/c.sql": seen.replace("'a'", "'b'"), "models/d.sql": seen, "models/z.sql": "-- {{ ref('c') }}"})
    assert shop.call("compile", "--threads", "1").code == 0
    texts = [(shop.root / f"target/compiled/shop/models/{name}.sql").read_text() for name in "cd"]
    first, second = (text.partition(" -- ")[0] for text in texts)
    assert first == second
    assert '"fqn": ["shop", "a"]' in first
    assert '"materialized": "view"' in first


@pytest.mark.parametrize("change", REFUSED)
def test_a_template_cannot_change_what_others_see(shop: Shop, change: str) -> None:
    shop.write({"models/a.sql": "select 1 as x", "models/b.sql": "select 1 as x"})
    done = shop.call("compile", "--inline", "{% if execute %}" + change + "{% endif %} select 1")
    assert done.code != 0
    assert "copy it first" in done.said or "unsafe" in done.said


def test_what_a_template_changes_of_its_own_stays_its_own(shop: Shop) -> None:
    shop.write(
        {
            "dbt_project.yml": "name: shop\nprofile: shop\nvars: {words: [one], map: {a: [1]}}\n",
            "models/a.sql": "{{ config(meta={'k': ['v']}, tags=['t']) }}{% do var('words').append('two') %}"
            "{% do var('map').a.append(2) %}{% do config.get('meta', {}).clear() if execute %}"
            "{% do model.tags.append('changed') %}{% do flags.VARS.update({'x': 1}) %}"
            "{% do target.update({'name': 'changed'}) %}select {{ execute }} as x",
            "models/b.sql": "select '{{ var('words') | join }}-{{ var('map').a | join }}-{{ target.name }}-{{ execute }}"
            "-{{ graph.nodes['model.shop.a'].tags | join if execute }}"
            "-{{ graph.nodes['model.shop.a'].meta if execute }}' as x -- {{ ref('a') }}",
        }
    )
    shop.call("compile")
    text = (shop.root / "target/compiled/shop/models/b.sql").read_text()
    assert "'one-1-dev-True-t-{'k': ['v']}'" in text


def test_a_package_may_remember_something_under_a_key_of_its_own(shop: Shop) -> None:
    text = "{% do graph.setdefault('mine', {}) %}{% do graph['mine'].update({'a': 7}) %}select {{ graph.mine.a }} as x"
    shop.write({"models/a.sql": "{% if execute %}" + text + "{% endif %}"})
    assert shop.call("compile").code == 0
    assert "select 7 as x" in (shop.root / "target/compiled/shop/models/a.sql").read_text()


PACKAGE = {
    "dbt_packages/pack/dbt_project.yml": "name: pack\nversion: '1.0'\nmodels: {pack: {+materialized: table}}\n",
    "dbt_packages/pack/macros/m.sql": "{% macro read(name, default=none) %}{{ env_var(name, default) if default else "
    "env_var(name) }}{% endmacro %}",
}


def test_packages_read_only_what_the_project_names(shop: Shop) -> None:
    for name in ("NAMED", "LISTED", "UNNAMED", "DBT_CLOUD_RUN_ID"):
        shop.monkeypatch.setenv(name, f"value-of-{name}")
    shop.write(
        {
            **PACKAGE,
            "dbt_project.yml": "name: shop\nvars: {environment: [LISTED]}\n",
            "models/a.sql": "select '{{ env_var('NAMED') }}' as own, '{{ pack.read('NAMED') }}' as named,"
            " '{{ pack.read('LISTED') }}' as listed, '{{ pack.read('DBT_CLOUD_RUN_ID') }}' as cloud,"
            " '{{ pack.read('UNNAMED', 'default') }}' as unnamed",
        }
    )
    done = shop.call("compile")
    assert done.code == 0, done.said
    text = (shop.root / "target/compiled/shop/models/a.sql").read_text()
    assert "'value-of-NAMED' as own, 'value-of-NAMED' as named, 'value-of-LISTED' as listed" in text
    assert "'value-of-DBT_CLOUD_RUN_ID' as cloud, 'default' as unnamed" in text
    assert "the package `pack` asks for the environment variable `UNNAMED`" in done.err


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("models/a.sql", "select '{{ pack.read('UNNAMED') }}' as x"),
        ("dbt_packages/pack/models/a.sql", "select '{{ env_var('UNNAMED') }}' as x"),
        ("dbt_packages/pack/models/a.yml", "models: [{name: a, config: {alias: \"{{ env_var('UNNAMED') }}\"}}]"),
    ],
)
def test_a_variable_that_the_project_does_not_name_is_refused_to_packages(shop: Shop, path: str, content: str) -> None:
    shop.monkeypatch.setenv("UNNAMED", "value-canary")
    shop.write({**PACKAGE, path: content})
    done = shop.call("compile")
    assert done.code != 0
    assert "value-canary" not in done.said
    assert "`UNNAMED`, which the project does not" in done.said
    assert "vars: {environment: [UNNAMED]}" in done.said


def test_the_bounds_can_be_set(shop: Shop) -> None:
    from eltbuild.jinja.limits import Limits, limits_of

    assert limits_of({}) == Limits()
    assert limits_of({"ELTBUILD_TEMPLATE_SECONDS": "600", "ELTBUILD_TEMPLATE_SIZE": "1_000"}) == Limits(
        seconds=600, size=1000
    )


@pytest.mark.parametrize("text", ["0", "-1", "many", "1e9", "9" * 30])
def test_a_bound_that_is_no_number_is_told(text: str) -> None:
    from eltbuild.errors import UsageError
    from eltbuild.jinja.limits import limits_of

    with pytest.raises(UsageError, match="ELTBUILD_TEMPLATE_STEPS must be a whole number"):
        limits_of({"ELTBUILD_TEMPLATE_STEPS": text})


def test_searches_give_what_python_gives() -> None:
    import re

    from eltbuild.jinja.patterns import PATTERNS

    text = "the quick brown fox, the lazy dog, " * 20
    for pattern in (r"(\w+)\s(\w+)", r"((\w+)\s?)+,", "o", r"\b", "(a|o)+", "(?P<w>fox)"):
        assert PATTERNS["findall"](pattern, text) == re.findall(pattern, text)
        assert PATTERNS["sub"](pattern, r"<\g<0>>", text) == re.sub(pattern, r"<\g<0>>", text)
        assert PATTERNS["split"](pattern, text, 3) == re.split(pattern, text, maxsplit=3)
        ours, theirs = PATTERNS["search"](pattern, text), re.search(pattern, text)
        assert (ours.group(0), ours.span(), ours.groupdict()) == (theirs[0], theirs.span(), theirs.groupdict())
        assert [match.span() for match in PATTERNS["finditer"](pattern, text)] == [
            match.span() for match in re.finditer(pattern, text)
        ]
    assert PATTERNS["sub"]("a", lambda match: match.group(0).upper(), "banana") == "bAnAnA"
    assert PATTERNS["compile"]("A", PATTERNS["IGNORECASE"]).match("a").group() == "a"
    assert PATTERNS["search"]("A", "xa", PATTERNS["I"]).start() == 1
    assert PATTERNS["match"]("nothing", "here") is None


def test_iterators_give_what_python_gives() -> None:
    import itertools

    from eltbuild.jinja.iterators import ITERTOOLS

    own = {name: lambda *args, name=name, **named: list(ITERTOOLS[name](*args, **named)) for name in ITERTOOLS}
    assert own["accumulate"]([1, 2, 3]) == [1, 3, 6]
    assert own["accumulate"]([1, 2, 3], initial=10) == [10, 11, 13, 16]
    assert own["chain"]([1], [2, 3]) == [1, 2, 3]
    assert list(ITERTOOLS["chain"].from_iterable([[1], [2]])) == [1, 2]
    assert own["product"]([1, 2], repeat=2) == list(itertools.product([1, 2], repeat=2))
    assert own["combinations"]([1, 2, 3], 2) == list(itertools.combinations([1, 2, 3], 2))
    assert own["islice"](itertools.count(), 2, 8, 2) == [2, 4, 6]
    assert own["zip_longest"]([1, 2], [3], fillvalue=0) == [(1, 3), (2, 0)]
    assert own["starmap"](pow, [(2, 3), (3, 2)]) == [8, 9]
    assert own["filterfalse"](None, [0, 1, 2]) == [0]
    assert own["takewhile"](lambda x: x < 2, [0, 1, 2]) == [0, 1]
    assert [(key, list(group)) for key, group in ITERTOOLS["groupby"]("aab")] == [("a", ["a", "a"]), ("b", ["b"])]
    assert list(ITERTOOLS["tee"]([1, 2])[1]) == [1, 2]
    assert own["compress"]("abc", [1, 0, 1]) == ["a", "c"]
    assert own["cycle"]([]) == []
    assert own["repeat"](1, 2) == [1, 1]

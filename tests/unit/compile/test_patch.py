"""A project patched after a small change is the project that a whole load gives."""

from __future__ import annotations

from pathlib import Path

import pytest

import eltbuild.commands.opening as opening
from eltbuild import Project
from eltbuild.errors import ProjectError

FILES = {
    "dbt_project.yml": "name: shop\nversion: '1.0'\nmodels:\n  +tags: [all]\n",
    "macros/m.sql": "{% macro plain(x) %}({{ x }}){% endmacro %}{% macro reaches() %}{{ ref('a') }}{% endmacro %}",
    "models/a.sql": "select 1 as id",
    "models/b.sql": "{{ config(tags=['b']) }}\nselect * from {{ ref('a') }}",
    "models/c.sql": "select {{ plain('id') }} as id from {{ ref('b') }} join {{ source('raw', 't') }} using (id)",
    "models/s.yml": (
        "sources:\n  - name: raw\n    tables: [{name: t}]\nmodels:\n  - name: b\n    columns:\n"
        "      - name: id\n        data_tests: [unique]\n"
    ),
}


@pytest.fixture
def root(tmp_path) -> Path:
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    Project.load(tmp_path, environ={})
    return tmp_path


PATCHED = {
    "another text": ("models/b.sql", "{{ config(tags=['b']) }}\nselect id, 2 as x from {{ ref('a') }}"),
    "a comment and blanks around": (
        "models/b.sql",
        "\n\n{{ config(tags=['b']) }}\nselect * from {{ ref('a') }} -- x\n\n",
    ),
    "another parent": ("models/c.sql", "select * from {{ ref('a') }}"),
    "no parent": ("models/c.sql", "select 1 as id"),
    "a macro more": ("models/a.sql", "select {{ plain(1) }} as id"),
}

LOADED = {
    "another config": ("models/b.sql", "{{ config(tags=['c']) }}\nselect * from {{ ref('a') }}"),
    "no config": ("models/b.sql", "select * from {{ ref('a') }}"),
    "a macro that reaches": ("models/c.sql", "select * from {{ reaches() }}"),
    "a condition": (
        "models/c.sql",
        "{% if target.name == 'dev' %}select * from {{ ref('a') }}{% else %}select 1{% endif %}",
    ),
    "another macro": ("macros/m.sql", "{% macro plain(x) %}[{{ x }}]{% endmacro %}{% macro reaches() %}{% endmacro %}"),
    "properties": ("models/s.yml", "sources:\n  - name: raw\n    tables: [{name: t}]\n"),
    "no text": ("models/a.sql", ""),
}


@pytest.mark.parametrize(("path", "text"), {**PATCHED, **LOADED}.values(), ids=[*PATCHED, *LOADED])
def test_a_patched_project_is_the_loaded_one(root, path, text):
    (root / path).write_text(text)
    patched = Project.load(root, environ={}).resources
    whole = Project.load(root, environ={}, vars={"elsewhere": 1}).resources
    assert patched.nodes == whole.nodes
    assert patched.macros == whole.macros
    assert patched.problems == whole.problems


@pytest.mark.parametrize(("path", "text"), PATCHED.values(), ids=list(PATCHED))
def test_a_plain_change_is_not_a_whole_load(root, path, text, monkeypatch):
    (root / path).write_text(text)
    monkeypatch.setattr(opening, "check_packages", lambda base: pytest.fail("the whole project was loaded"))
    assert Project.load(root, environ={}).opened.fresh


def test_a_mistake_in_the_new_text_is_told(root):
    (root / "models/c.sql").write_text("select * from {{ ref('nope') }}")
    with pytest.raises(ProjectError, match="was not found"):
        Project.load(root, environ={})


def test_a_circle_in_the_new_text_is_told(root):
    (root / "models/a.sql").write_text("select * from {{ ref('c') }}")
    with pytest.raises(ProjectError, match="->"):
        Project.load(root, environ={})

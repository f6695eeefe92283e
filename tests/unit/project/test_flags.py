"""Flags of a project file that nothing knows."""

from __future__ import annotations

from eltbuild.project.settings import load_settings


def test_an_unknown_flag_is_told_at_its_place(tmp_path):
    text = "name: shop\nflags:\n  fail_fast: true\n  fail_fsat: true\n"
    (tmp_path / "dbt_project.yml").write_text(text)
    _, problems = load_settings(tmp_path, names={})
    assert [(str(p.place), p.message, p.hint) for p in problems] == [
        ("dbt_project.yml:4:3", "the flag `fail_fsat` is unknown; nothing here reads it", "did you mean `fail_fast`?")
    ]

"""`model` in templates has no property without a value; what the user wrote stays."""

from __future__ import annotations

from eltbuild.project.projection.shown import without_nulls


def test_nulls_are_left_out_where_they_are_not_the_users():
    given = {
        "name": "a", "group": None, "meta": {"k": None}, "version": None,
        "docs": {"show": True, "node_color": None},
        "refs": [{"name": "b", "package": None, "version": None}],
        "columns": {"n": {"name": "n", "data_type": None, "meta": {"q": None}}},
        "config": {"alias": None, "own": None, "meta": {"k": None}, "latest_version_pointer": {"enabled": None},
                   "pre-hook": [{"sql": "select 1", "transaction": True, "index": None}], "unique_key": None},
    }  # fmt: skip
    assert without_nulls(given) == {
        "name": "a", "meta": {"k": None},
        "docs": {"show": True},
        "refs": [{"name": "b"}],
        "columns": {"n": {"name": "n", "meta": {"q": None}}},
        "config": {"own": None, "meta": {"k": None}, "latest_version_pointer": {},
                   "pre-hook": [{"sql": "select 1", "transaction": True}]},
    }  # fmt: skip
    assert given["config"]["alias"] is None
    assert "group" in given, "what was given stays as it is"

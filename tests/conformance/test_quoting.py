"""Whatever stands in a name or a text, it comes back as it was, and nothing else is run."""

from __future__ import annotations

import pytest
from conformance.bench import Bench

from eltbuild.relation import Column, Relation
from eltbuild.sql.comments import comment_on, comment_on_columns

ODD = [
    'a"b', "a'b", "a\\b", "a\\", "\\'; drop table t; --", '"; drop table t; --', "*/ drop table t; /*", "--", "a\nb",
    "{0}", "%s", "%(x)s", "$1", "$$", "$a$ b $a$", ":x", "?", " a ", "ü日本😀", "\u202e", "a.b", "select", "E'x\\n", "{{ x }}",
]  # fmt: skip


@pytest.mark.parametrize("text", ODD)
def test_odd_names_and_texts(bench: Bench, text: str) -> None:
    writer, connection = bench.writer, bench.connection
    place = Relation(bench.schema.database, bench.schema.schema, text)
    connection.execute(writer.create_table(place, (writer.definition(Column(text, "text")),)))
    connection.execute(f"insert into {writer.relation(place)} values ({writer.literal(text)})")
    if bench.adapter.capabilities.comments:
        connection.execute(comment_on(writer, place, "table", text))
        for sql in comment_on_columns(writer, place, "table", {text: text}):
            connection.execute(sql)
    answer = connection.execute(f"select {writer.quote(text)} from {writer.relation(place)}")
    assert answer.columns[0].name == text
    assert answer.rows == ((text,),)
    found = connection.relation(place)
    assert found is not None
    assert [column.name for column in found.columns] == [text]
    connection.execute(writer.drop(place, "table"))
    assert connection.relation(place) is None

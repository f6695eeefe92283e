"""The text that stands for a source's table outside of any template."""

from __future__ import annotations

from eltbuild.compile.introspect import BLANK
from eltbuild.compile.relations import source_relation
from eltbuild.compile.rendering import Rendering
from eltbuild.compile.session import Session
from eltbuild.project.resources import Source


def source_text(session: Session, source: Source) -> str:
    """The quoted name of a source's table, or what reads its files."""
    return str(source_relation(Rendering(session, None, BLANK), source))

"""Where the files of a source lie that is no table. Nothing is read, and no path is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.jinja.errors import TemplateError
from eltbuild.project.resources import Source
from eltbuild.sql.files import READERS
from eltbuild.sql.quoting import quote_string


def external_location(source: Source) -> str:
    """Where the files of a source lie, the names filled in; "" for one that is a table. Raises `TemplateError`."""
    given = source.config.get("external_location") or source.meta.get("external_location")
    if not given:
        given = source.source_meta.get("external_location")
    if not given:
        return ""
    names = {
        "name": source.name, "identifier": source.identifier or source.name, "source_name": source.source_name,
        "schema": source.relation.schema if source.relation else "",
    }  # fmt: skip
    formatter = source.config.get("formatter") or source.meta.get("formatter") or "newstyle"
    return _format(str(given), names, str(formatter))


def external_name(source: Source, dialect: str) -> str | None:
    """What stands for the source in artifacts: its location as text, or as SQL where it is written so.

    None for a table, and where the dialect reads no files.
    """
    if dialect not in READERS:
        return None
    try:
        location = external_location(source)
    except TemplateError:
        return None  # told when it is compiled
    if not location:
        return None
    written = "(" in location or (location.startswith("'") and location.endswith("'"))
    return location if written else quote_string(location, dialect)


def _format(text: str, names: Mapping[str, Any], formatter: str) -> str:
    from string import Formatter, Template

    try:
        if formatter == "oldstyle":
            return text % names
        if formatter == "template":
            return Template(text).substitute(names)
        for _, field, _, _ in Formatter().parse(text):
            if field is not None and field not in names:
                raise KeyError(field)
        return text.format(**names)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise TemplateError(
            f"external_location `{text}` cannot be filled in: {error}",
            hint=f"it may use {', '.join('{' + n + '}' for n in names)}",
        ) from None

"""A profile as a page for a browser, made of its JSON (docs/profiles.md), whoever wrote that. Nothing is read here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from eltbuild.quality.anomaly_measures import span
from eltbuild.report.docs_html import document, listed, mapping, moment, table, told
from eltbuild.report.profile import number, percent
from eltbuild.report.text import count

Found = Mapping[str, Any]

HEAD = {"column": "", "nulls": "number", "distinct": "number", "spread": "", "values": "values"}
WIDTH, HEIGHT = 160, 36
"""Of a histogram."""
LENGTH = 96
"""Of a bar."""
TOLD = 8
"""How many of the most frequent values are shown."""


def profile_page(profile: Found, home: str, artifact: str, more: str = "") -> str:
    """The page of a profile. `home`: where the list is; `artifact`: where the JSON is; `more`: more as HTML."""
    name = str(profile.get("name") or "")
    links = f'<a href="{told(home)}">all resources</a> · <a href="{told(artifact)}">JSON</a>'
    rows = [_row(mapping(column), profile) for column in listed(profile.get("columns"))]
    body = (
        f"<h1>{told(name)}</h1>"
        f'<p class="path">{told(profile.get("resource_type"))} {told(profile.get("relation_name"))}</p>'
        f"<p>{in_short(profile)}</p><p>{links}</p>{more}{table(HEAD, rows, 'profile') if rows else '<p>no columns</p>'}"
    )
    return document(f"profile of {name}", body)


def in_short(profile: Found) -> str:
    """`336,776 rows, 19 columns, as of 2026-11-20 04:00 UTC`; HTML."""
    rows, sampled = whole(profile.get("rows")), whole(profile.get("sampled"))
    looked = count(rows or 0, "row")
    if sampled is not None:
        looked = f"a sample of {sampled:,} of {looked}"
    at = moment(mapping(profile.get("metadata")).get("generated_at"))
    columns = count(len(listed(profile.get("columns"))), "column")
    return f"{looked}, {columns}{f' <span class={chr(34)}faint{chr(34)}>as of {at}</span>' if at else ''}"


def _row(column: Found, profile: Found) -> list[str]:
    sampled = whole(profile.get("sampled"))
    rows = (whole(profile.get("rows")) if sampled is None else sampled) or 0
    nulls, distinct = whole(column.get("nulls")) or 0, whole(column.get("distinct"))
    filled = max(0, rows - nulls)
    about = "" if column.get("distinct_is_exact", True) else "≈"
    unique = about == "" and filled > 1 and distinct == filled
    kind = str(column.get("type") or "").lower()
    return [
        f'<code>{told(column.get("name"))}</code><br><span class="path">{told(kind)}</span>',
        percent(nulls, rows) if nulls and rows else "",
        "unique" if unique else "" if distinct is None else f"{about}{distinct:,}",
        _histogram(column),
        f"{_summary(column, filled)}{'' if unique else _top(column, filled)}",
    ]


# What there is to say


def _summary(column: Found, filled: int) -> str:
    if not filled:
        return '<span class="faint">no values</span>'
    return told(", ".join(_parts(column, filled)))


def _parts(column: Found, filled: int) -> Iterator[str]:
    low, high = column.get("min"), column.get("max")
    top = [mapping(one).get("value") for one in listed(column.get("top"))]
    if column.get("distinct") == 1 and (top or low is not None) and column.get("kind") != "boolean":
        yield f"always {_value(column, low if low is not None else top[0])}"
    elif low is not None and high is not None and (column.get("kind") != "text" or column.get("distinct") != len(top)):
        # Of texts that stand below one by one, the first and the last say nothing more.
        yield f"{_value(column, low)} to {_value(column, high)}"
    median = mapping(column.get("quantiles")).get("0.5")
    if median is not None and low != high:
        yield f"median {_value(column, median)}"
    if column.get("mean") is not None and low != high:
        deviation = column.get("stddev")
        spread = span if column.get("kind") in ("date", "timestamp", "time", "interval") else _number
        around = f" ± {spread(deviation)}" if is_number(deviation) else ""
        yield f"mean {_value(column, column['mean'])}{around}"
    for key, words in SHARES.items():
        part = whole(column.get(key))
        if part:
            yield f"{percent(part, filled)} {words}"
    length = mapping(column.get("length"))
    least, most = whole(length.get("min")), whole(length.get("max"))
    if least is not None and most is not None:
        yield f"length {least:,}" if least == most else f"length {least:,} to {most:,}"


SHARES: Mapping[str, str] = {
    "true": "true", "not_finite": "NaN, infinite or vast", "empty": "empty", "negative": "negative", "zeros": "zero",
}  # fmt: skip
"""Numbers of rows, and what they hold."""


def _value(column: Found, value: Any) -> str:
    if is_number(value):
        return span(value) if column.get("kind") == "interval" else _number(value)
    text = str(value).removesuffix(" 00:00:00")
    return text if text.strip() == text and text else f"'{text}'"


def _number(value: Any) -> str:
    try:
        return number(float(value))
    except OverflowError:
        return str(value)


# Pictures


def _histogram(column: Found) -> str:
    """The rows in each slice, as high as they are many; "" where the values were not put into slices."""
    told_of = mapping(column.get("histogram"))
    slices = [whole(one) or 0 for one in listed(told_of.get("rows"))][:100]
    most = max(slices, default=0)
    if most <= 0:
        return ""
    wide = WIDTH / len(slices)
    bars = "".join(_bar(place, rows / most, wide) for place, rows in enumerate(slices) if rows > 0)
    low, high = (_value(column, told_of.get(end)) for end in ("low", "high"))
    label = f"{low} to {high}, at most {most:,} rows in a slice"
    return (
        f'<svg role="img" aria-label="histogram: {told(label)}" width="{WIDTH}" height="{HEIGHT}">'
        f"<title>{told(label)}</title>"
        f'<rect class="track" width="{WIDTH}" height="1" y="{HEIGHT - 1}"/>{bars}</svg>'
    )


def _bar(place: int, share: float, wide: float) -> str:
    high = max(1.0, share * (HEIGHT - 1))
    return (
        f'<rect x="{place * wide:.1f}" y="{HEIGHT - high:.1f}" width="{max(1.0, wide - 1):.1f}" height="{high:.1f}"/>'
    )


def _top(column: Found, filled: int) -> str:
    """The most frequent values with a bar for each; not of numbers that are hardly more frequent than others."""
    top = [mapping(one) for one in listed(column.get("top"))][:TOLD]
    distinct = whole(column.get("distinct")) or 0
    known: list[tuple[Any, int]] = [(one.get("value"), whole(one.get("rows")) or 0) for one in top]
    if distinct < 2 or not known or not filled or column.get("kind") == "boolean":
        return ""
    if column.get("histogram") and known[0][1] * distinct < 5 * filled and distinct > len(known):
        return ""
    return f'<div class="top">{"".join(_frequent(value, rows / filled, rows, filled) for value, rows in known)}</div>'


def _frequent(value: Any, share: float, rows: int, filled: int) -> str:
    text = str(value)
    named = told(text if text.strip() == text and text else repr(text))
    size = f'width="{LENGTH}" height="10"'
    drawn = f'<rect width="{LENGTH * min(1.0, max(0.0, share)):.1f}" height="10"/>'
    return (
        f'<span>{named}</span><svg aria-hidden="true" {size}><rect class="track" {size}/>{drawn}</svg>'
        f'<span class="faint">{percent(rows, filled)}</span>'
    )


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether it is a number that can be shown as one."""
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and (isinstance(value, int) or math.isfinite(value))
    )


def whole(value: Any) -> int | None:
    """A number of rows or the like; None for what is none."""
    return int(value) if is_number(value) and 0 <= value < 1e18 else None

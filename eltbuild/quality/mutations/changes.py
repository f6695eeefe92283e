"""The ways in which a query is changed: each rule gives the stretches of text that it would replace, and by what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise

from eltbuild.quality.mutations.words import NAMES, Words
from eltbuild.values import dataclass

Stretch = tuple[int, int, str]
"""The first offset, the one behind the last, and what is written there instead."""
Rule = Callable[[Words], Iterator[Stretch]]

COMPARISONS: Mapping[str, str] = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "=": "<>", "==": "<>", "<>": "=", "!=": "=",
}  # fmt: skip
FUNCTIONS: Mapping[str, str] = {
    "sum": "max", "max": "min", "min": "max", "avg": "sum", "mean": "sum", "median": "avg", "bool_and": "bool_or",
    "bool_or": "bool_and", "every": "bool_or", "row_number": "rank", "rank": "dense_rank", "dense_rank": "rank",
    "lag": "lead", "lead": "lag", "first_value": "last_value", "last_value": "first_value", "arg_max": "arg_min",
    "arg_min": "arg_max", "max_by": "min_by", "min_by": "max_by", "greatest": "least", "least": "greatest",
    "upper": "lower", "lower": "upper", "floor": "ceil", "ceil": "floor", "ceiling": "floor",
}  # fmt: skip
FIRST_ONLY = frozenset({"coalesce", "ifnull", "nvl", "nullif"})
"""Functions that are replaced by their first argument."""
PREDICATES = frozenset({"where", "having", "qualify", "on"})
TYPED = frozenset({
    "decimal", "numeric", "varchar", "char", "character", "varying", "nvarchar", "time", "timestamp", "timestamptz",
    "bit", "float", "number", "dec", "string", "text", "interval",
})  # fmt: skip
"""Names of types that take sizes in parentheses."""
OTHER_JOINS = frozenset({"cross", "natural", "asof", "positional", "semi", "anti", "full", "right", "left", "inner"})
ALWAYS = "1 = 1"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A query with one change: from offset `start` to before `end`, `before` was written, and now `after`."""

    kind: str
    start: int
    end: int
    before: str
    after: str


def mutants(words: Words) -> list[Mutant]:
    """Every change, in the order of the text; the same text stands for one change only."""
    found = [
        Mutant(kind, start, end, words.query[start:end], after)
        for kind, rule in RULES.items()
        for start, end, after in rule(words)
    ]
    once: dict[tuple[int, int, str], Mutant] = {}
    for mutant in found:
        if mutant.before != mutant.after:
            once.setdefault((mutant.start, mutant.end, mutant.after), mutant)
    return sorted(once.values(), key=lambda mutant: (mutant.start, mutant.end))


def changed(query: str, mutant: Mutant) -> str:
    """The query with the change."""
    return query[: mutant.start] + mutant.after + query[mutant.end :]


# Rules


def comparisons(words: Words) -> Iterator[Stretch]:
    """`<` to `<=`, `=` to `<>` and so on."""
    for word in words.all:
        if word.text in COMPARISONS:
            yield word.start, word.end, COMPARISONS[word.text]


def connectives(words: Words) -> Iterator[Stretch]:
    """AND to OR and back; the AND of BETWEEN is none."""
    joined = _between_ands(words)
    for index, word in enumerate(words.all):
        if word.text in ("and", "or") and index not in joined:
            yield word.start, word.end, _like(words, word.start, "or" if word.text == "and" else "and")


def _between_ands(words: Words) -> set[int]:
    found: set[int] = set()
    for index, word in enumerate(words.all):
        if word.text == "between":
            own = (i for i in words.within(index) if words.all[i].depth == word.depth and words.all[i].text == "and")
            found.add(next((i for i in own if i not in found), -1))
    return found


def negations(words: Words) -> Iterator[Stretch]:
    """A dropped NOT."""
    for index, word in enumerate(words.all[:-1]):
        if word.text == "not" and not words.is_word(index - 1, "is") and not words.is_word(index + 1, "null"):
            yield word.start, words.all[index + 1].start, ""


def nulls(words: Words) -> Iterator[Stretch]:
    """IS NULL to IS NOT NULL and back."""
    for index, word in enumerate(words.all):
        if word.text != "is":
            continue
        if words.is_word(index + 1, "null"):
            yield word.start, words.all[index + 1].end, _like(words, word.start, "is not null")
        elif words.is_word(index + 1, "not") and words.is_word(index + 2, "null"):
            yield word.start, words.all[index + 2].end, _like(words, word.start, "is null")


def arithmetic(words: Words) -> Iterator[Stretch]:
    """Plus to minus, times to divided by, and back."""
    other = {"+": "-", "-": "+", "*": "/", "/": "*"}
    for index, word in enumerate(words.all):
        if word.text in other and index and _is_operand(words, index - 1) and index + 1 < len(words.all):
            follows = words.all[index + 1]
            if follows.kind in NAMES - {"R_PAREN", "R_BRACKET", "END"} or follows.text in (
                "(",
                "case",
                "interval",
                "date",
                "-",
            ):
                yield word.start, word.end, other[word.text]


def _is_operand(words: Words, at: int) -> bool:
    word = words.all[at]
    return word.kind in NAMES and word.text not in ("select", "distinct")


def joins(words: Words) -> Iterator[Stretch]:
    """INNER JOIN to LEFT JOIN, and all other joins with a condition to INNER JOIN."""
    for index, word in enumerate(words.all):
        if word.text != "join":
            continue
        first = index - 1 if words.is_word(index - 1, "outer") else index
        kind = words.all[first - 1].text if first and words.all[first - 1].text in OTHER_JOINS else ""
        if kind in ("", "inner"):
            start = words.all[first - 1].start if kind else word.start
            yield start, word.end, _like(words, word.start, "left join")
        elif kind in ("left", "right", "full"):
            yield words.all[first - 1].start, word.end, _like(words, word.start, "inner join")


def functions(words: Words) -> Iterator[Stretch]:
    """A sum to a maximum, a count to one of different values, and other functions to those that are taken for them."""
    for index, word in enumerate(words.all[:-1]):
        if not words.is_word(index + 1, "(") or words.is_word(index - 1, "."):
            continue
        if word.text in FUNCTIONS:
            yield word.start, word.end, _like(words, word.start, FUNCTIONS[word.text])
        elif word.text == "count":
            yield from _count(words, index)


def _count(words: Words, at: int) -> Iterator[Stretch]:
    last = words.closing(at + 1)
    if words.is_word(at + 2, "*"):
        yield words.all[at].start, words.all[last].end, "max(1)"
    elif last > at + 2 and not words.is_word(at + 2, "distinct"):
        yield words.all[at + 2].start, words.all[at + 2].start, _like(words, words.all[at].start, "distinct ")


def distincts(words: Words) -> Iterator[Stretch]:
    """A dropped DISTINCT."""
    for index, word in enumerate(words.all[:-1]):
        begins = words.is_word(index - 1, "select", "(")
        if word.text == "distinct" and begins and not words.is_word(index + 1, "on"):
            yield word.start, words.all[index + 1].start, ""


def unions(words: Words) -> Iterator[Stretch]:
    """UNION ALL to UNION and back."""
    for index, word in enumerate(words.all):
        if word.text != "union":
            continue
        if words.is_word(index + 1, "all"):
            yield word.start, words.all[index + 1].end, _like(words, word.start, "union")
        else:
            last = index + 1 if words.is_word(index + 1, "distinct") else index
            yield word.start, words.all[last].end, _like(words, word.start, "union all")


def predicates(words: Words) -> Iterator[Stretch]:
    """A predicate of WHERE, HAVING, QUALIFY or ON that holds always."""
    for index, word in enumerate(words.all):
        if word.text not in PREDICATES or words.is_word(index - 1, "distinct"):
            continue
        clause = words.clause(index)
        if len(words.divided(clause, "or")) > 1:
            parts = [clause]
        else:
            parts = words.divided(clause, "and")
        for part in parts:
            yield words.all[part.start].start, words.all[part.stop - 1].end, ALWAYS


def cases(words: Words) -> Iterator[Stretch]:
    """A dropped branch of CASE, and two branches whose results have changed places."""
    for index, word in enumerate(words.all):
        if word.text != "case":
            continue
        marks = _marks(words, index)
        if not marks or words.all[marks[-1]].text != "end":
            continue
        yield from _branches(words, index, marks)


def _marks(words: Words, at: int) -> list[int]:
    """Where WHEN, THEN, ELSE and END of one CASE stand, those of others in it left out."""
    depth, inner, found = words.all[at].depth, 0, []
    for index in range(at + 1, len(words.all)):
        word = words.all[index]
        if word.depth < depth:
            return []
        if word.depth != depth:
            continue
        if word.text == "case":
            inner += 1
        elif word.text == "end" and inner:
            inner -= 1
        elif not inner and word.text in ("when", "then", "else", "end"):
            found.append(index)
            if word.text == "end":
                return found
    return []


def _branches(words: Words, at: int, marks: list[int]) -> Iterator[Stretch]:
    results = [  # (where the branch begins, its result's first word, its last)
        (before, mark + 1, after - 1)
        for before, mark, after in zip([at, *marks], marks, marks[1:], strict=False)
        if words.all[mark].text in ("then", "else")
    ]
    whens = [mark for mark in marks if words.all[mark].text == "when"]
    last = words.all[marks[-1]]
    for number, mark in enumerate(whens):
        behind = whens[number + 1] if number + 1 < len(whens) else None
        other = next((m for m in marks if words.all[m].text == "else"), None)
        stop = words.all[behind if behind is not None else other if other is not None else marks[-1]].start
        if len(whens) > 1:
            yield words.all[mark].start, stop, ""
        else:
            rest = "null" if other is None else words.text(other + 1, marks[-1] - 1)
            yield words.all[at].start, last.end, rest
    for (_, first, end), (_, first2, end2) in pairwise(results):
        left, right = words.text(first, end), words.text(first2, end2)
        between = words.query[words.all[end].end : words.all[first2].start]
        yield words.all[first].start, words.all[end2].end, f"{right}{between}{left}"


def fallbacks(words: Words) -> Iterator[Stretch]:
    """COALESCE and its like replaced by their first argument."""
    for index, word in enumerate(words.all[:-1]):
        if word.text in FIRST_ONLY and words.is_word(index + 1, "(") and not words.is_word(index - 1, "."):
            last = words.closing(index + 1)
            arguments = words.divided(range(index + 2, last), ",")
            if len(arguments) > 1:
                yield word.start, words.all[last].end, words.text(arguments[0].start, arguments[0].stop - 1)


def orders(words: Words) -> Iterator[Stretch]:
    """ORDER BY the other way round, where the order decides which rows or values there are."""
    for index, word in enumerate(words.all):
        if word.text != "order by" or not _decides(words, index):
            continue
        for item in words.divided(_items(words, index), ","):
            yield _turned(words, item)


def _decides(words: Words, at: int) -> bool:
    """Whether the order is that of a window or of an aggregate, or rows are cut off behind it."""
    around = words.opening(at)
    is_query = around < 0 or words.is_word(around + 1, "select", "with", "from")
    if not is_query:
        return True
    depth = words.all[at].depth
    texts = {words.all[i].text for i in words.within(at) if words.all[i].depth == depth}
    return bool(texts & {"limit", "fetch"}) or "on" in {words.all[i].text for i in _before(words, at)}


def _before(words: Words, at: int) -> Iterator[int]:
    """The word behind SELECT DISTINCT of the query whose ORDER BY stands at that place."""
    depth = words.all[at].depth
    for index in range(at - 1, 0, -1):
        if words.all[index].depth == depth and words.all[index].text == "distinct":
            yield index + 1
            return


def _items(words: Words, at: int) -> range:
    depth = words.all[at].depth
    ends = {"rows", "range", "groups", "limit", "offset", "fetch", "union", "exclude", "separator"}
    found = words.within(at)
    stop = next((i for i in found if words.all[i].depth == depth and words.all[i].text in ends), found.stop)
    return range(at + 1, stop)


def _turned(words: Words, item: range) -> Stretch:
    depth = words.all[item.start].depth
    own = [i for i in item if words.all[i].depth == depth]
    for index in own:
        word = words.all[index]
        if word.text in ("asc", "desc"):
            return word.start, word.end, _like(words, word.start, "desc" if word.text == "asc" else "asc")
    last = next((i for i in own if words.all[i].text == "nulls"), item.stop) - 1
    return words.all[last].end, words.all[last].end, _like(words, words.all[last].start, " desc")


def literals(words: Words) -> Iterator[Stretch]:
    """A number one higher, a date one day later, another text, the other truth."""
    ordinals = _ordinals(words)
    for index, word in enumerate(words.all):
        if word.kind == "NUMBER" and index not in ordinals and not _is_size(words, index):
            yield word.start, word.end, _higher(words.query[word.start : word.end])
        elif word.kind == "STRING" and not words.is_word(index - 1, "as", "separator"):
            yield word.start, word.end, _other(words, index)
        elif word.kind in ("TRUE", "FALSE"):
            yield word.start, word.end, _like(words, word.start, "false" if word.kind == "TRUE" else "true")


def _ordinals(words: Words) -> set[int]:
    """The numbers in GROUP BY and ORDER BY that stand for a column."""
    found: set[int] = set()
    for index, word in enumerate(words.all):
        if word.text in ("group by", "order by"):
            found.update(
                item.start for item in words.divided(words.clause(index), ",") if words.all[item.start].kind == "NUMBER"
            )
    return found


def _is_size(words: Words, at: int) -> bool:
    """Whether the number is a size of a type: `decimal(10, 2)`."""
    around = words.opening(at)
    return around > 0 and words.all[around - 1].text in TYPED


def _higher(text: str) -> str:
    try:
        number = Decimal(text.replace("_", ""))
    except InvalidOperation:
        return text
    return str(number + 1) if "e" not in text.lower() else f"({text} + 1)"


def _other(words: Words, at: int) -> str:
    """Another text in its quotes, which is a date where the first one is."""
    word = words.all[at]
    written = words.query[word.start : word.end]
    inner = written[1:-1]
    if not (written[:1] == written[-1:] == "'"):
        return written
    day = re.match(r"(\d{4}-\d\d-\d\d)(.*)\Z", inner, re.DOTALL)
    if day is not None:
        try:
            return f"'{date.fromisoformat(day[1]) + timedelta(days=1)}{day[2]}'"
        except (ValueError, OverflowError):
            return written
    number = re.match(r"(\d{1,9})\b(.*)\Z", inner, re.DOTALL)
    if number is not None:
        return f"'{int(number[1]) + 1}{number[2]}'"
    cast = words.is_word(at + 1, "::") or (at > 1 and words.is_word(at - 1, "date", "timestamp", "interval", "time"))
    return written if cast else f"'{inner}~'"


def _like(words: Words, at: int, text: str) -> str:
    """The text in the case in which the query writes that word."""
    return text.upper() if words.query[at : at + 1].isupper() else text


RULES: Mapping[str, Rule] = {
    "predicate": predicates,
    "join": joins,
    "comparison": comparisons,
    "connective": connectives,
    "negation": negations,
    "null": nulls,
    "arithmetic": arithmetic,
    "function": functions,
    "distinct": distincts,
    "union": unions,
    "case": cases,
    "fallback": fallbacks,
    "order": orders,
    "literal": literals,
}
"""What is changed, by the word that tells of it."""

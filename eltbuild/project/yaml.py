"""YAML as values that remember where they stood. Nothing is known here of what the values mean.

Plain scalars are read by the rules of YAML 1.1 as PyYAML has them (`yes` is true, `010` is eight), which
existing projects rely on, but for numbers to the base of sixty: `12:30` stays text.

The events of the parser are turned into values directly, not into nodes first: that is faster, and the depth
of nesting is ours to limit, where the composer of PyYAML would overflow the stack of the process.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from eltbuild.errors import Place, Problem, ProjectError
from eltbuild.values import replace

if TYPE_CHECKING:
    import yaml

DEPTH_LIMIT = 200
EXPANSION_LIMIT = 1_000_000
"""How many values a file may have once every alias stands for what it names."""
SIZE_LIMIT = 64 * 1024 * 1024

_COLUMN_BITS = 16
_COLUMNS = (1 << _COLUMN_BITS) - 1
_STANDARD = "tag:yaml.org,2002:"
_MISSING = object()
_KINDS = {"int": "whole number", "float": "number", "timestamp": "date or time", "bool": "truth value"}


class Mapped(dict[Any, Any]):
    """A mapping that remembers where it and its keys stood; lines and columns from 1, 0 if unknown."""

    __slots__ = ("_places", "column", "line")

    def __init__(self, *given: Any, **items: Any) -> None:
        super().__init__(*given, **items)
        self.line = 0
        self.column = 0
        self._places: dict[Any, int] = {}

    def place_of(self, key: Any) -> tuple[int, int]:
        """Line and column of a key; of the mapping itself when it has no such key."""
        at = self._places.get(key)
        return (self.line, self.column) if at is None else (at >> _COLUMN_BITS, at & _COLUMNS)


class Listed(list[Any]):
    """A list that remembers where it and each of its items stood; lines and columns from 1, 0 if unknown."""

    __slots__ = ("_places", "column", "line")

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.line = 0
        self.column = 0
        self._places: list[int] = []

    def place_of(self, index: int) -> tuple[int, int]:
        """Line and column of an item; of the list itself when it has no such item."""
        if not 0 <= index < len(self._places):
            return self.line, self.column
        at = self._places[index]
        return at >> _COLUMN_BITS, at & _COLUMNS


def load_yaml(text: str, path: str, problems: list[Problem] | None = None, *, private: bool = False) -> Any:
    """The one document in a text (None when there is none); mappings are `Mapped`, lists `Listed`.

    Warnings (a key written twice: the last one counts) go to `problems`. With `private` no message repeats
    anything of the text. Raises `ProjectError` for whatever cannot be read.
    """
    import yaml

    if len(text) > SIZE_LIMIT:
        raise ProjectError(Problem(f"the file is larger than {SIZE_LIMIT // 2**20} MiB", Place(path)))
    text = text.removeprefix("\ufeff")
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Reader(loader(text), path, [] if problems is None else problems, private).document()
    except yaml.MarkedYAMLError as error:
        problem = _syntax_problem(error, text, path)
        raise ProjectError(replace(problem, message=unquoted(problem.message)) if private else problem) from None
    except yaml.reader.ReaderError as error:
        raise ProjectError(_character_problem(error, text, path)) from None
    except UnicodeEncodeError as error:
        line, column = _line_and_column(text, error.start)
        raise ProjectError(Problem("a character here is half of a pair", Place(path, line, column))) from None


class _Reader:
    """Values out of the events of one document. One use."""

    def __init__(self, loader: Any, path: str, problems: list[Problem], private: bool) -> None:
        import yaml

        self.next: Callable[[], Any] = loader.get_event
        self.path = path
        self.problems = problems
        self.private = private
        self.plain: dict[str, Any] = {}
        self.anchors: dict[str, tuple[Any, int, int] | None] = {}
        self.count = 0
        self.height = 0
        self.scalar_event = yaml.ScalarEvent
        self.ends = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
        self.starts: dict[type[Any], Callable[[Any, int], Any]] = {
            yaml.MappingStartEvent: self.mapping,
            yaml.SequenceStartEvent: self.sequence,
        }

    def document(self) -> Any:
        import yaml

        self.next()
        event = self.next()
        if type(event) is yaml.StreamEndEvent:
            return None
        value = self.value(self.next(), 0)
        self.next()
        event = self.next()
        if type(event) is not yaml.StreamEndEvent:
            hint = "keep one document in a file: remove the line `---`"
            raise self.error("a second document begins here", event.start_mark, hint)
        return value

    def value(self, event: Any, depth: int) -> Any:
        """The value that begins with an event; afterwards `height` is how deep it is nested."""
        if type(event) is self.scalar_event:
            self.height = 0
            return self.scalar(event)
        start = self.starts.get(type(event))
        if start is None:
            return self.alias(event, depth)
        if depth >= DEPTH_LIMIT:
            raise self.error(f"values are nested deeper than {DEPTH_LIMIT} levels", event.start_mark)
        anchor = event.anchor
        if anchor is None:
            return start(event, depth + 1)
        before = self.count
        self.anchors[anchor] = None
        value = start(event, depth + 1)
        self.anchors[anchor] = (value, self.count - before, self.height)
        return value

    def mapping(self, event: Any, depth: int) -> Any:
        mark = event.start_mark
        self.check_tag(event, "map")
        result = Mapped()
        result.line, result.column = mark.line + 1, mark.column + 1
        places = result._places
        merged: list[Any] = []
        height = 0
        next_event, scalar_event, end = self.next, self.scalar_event, self.ends[0]
        while type(event := next_event()) is not end:
            mark = event.start_mark
            key = self.key(event, depth)
            value_event = next_event()
            if type(value_event) is scalar_event:
                value = self.scalar(value_event)
            else:
                value = self.value(value_event, depth)
                height = max(height, self.height)
            if key == "<<" and event.implicit[0]:
                merged.extend(self.merged(value, mark))
                continue
            if key in result:
                self.duplicate(key, result, mark)
            result[key] = value
            column = mark.column + 1
            places[key] = (mark.line + 1) << _COLUMN_BITS | (column if column < _COLUMNS else _COLUMNS)
        self.count += len(result) + 1
        self.height = height + 1
        return _merge(result, merged) if merged else result

    def sequence(self, event: Any, depth: int) -> Any:
        mark = event.start_mark
        self.check_tag(event, "seq")
        result = Listed()
        result.line, result.column = mark.line + 1, mark.column + 1
        places = result._places
        height = 0
        next_event, scalar_event, end = self.next, self.scalar_event, self.ends[1]
        while type(event := next_event()) is not end:
            if type(event) is scalar_event:
                result.append(self.scalar(event))
            else:
                result.append(self.value(event, depth))
                height = max(height, self.height)
            mark = event.start_mark
            column = mark.column + 1
            places.append((mark.line + 1) << _COLUMN_BITS | (column if column < _COLUMNS else _COLUMNS))
        self.count += len(result) + 1
        self.height = height + 1
        return result

    def scalar(self, event: Any) -> Any:
        text = event.value
        if event.implicit[0] and event.tag is None:
            value = self.plain.get(text, _MISSING)
            if value is _MISSING:
                value = self.plain[text] = self.constructed(_implicit_tag(text), text, event)
        elif event.tag is None or event.tag == "!":
            value = text
        else:
            value = self.constructed(event.tag, text, event)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, 1, 0)
        return value

    def constructed(self, tag: str, text: str, event: Any) -> Any:
        construct = _constructors().get(tag)
        if construct is None:
            raise self.unknown_tag(event)
        try:
            return construct(text)
        except (ValueError, KeyError, IndexError, OverflowError, AttributeError, TypeError):
            # PyYAML lets the errors of Python's own number and date types through.
            kind = _KINDS.get(tag.removeprefix(_STANDARD), "value")
            hint = "put it in quotes if it is meant as text"
            raise self.error(f"this is no {kind}, though it looks like one", event.start_mark, hint) from None

    def key(self, event: Any, depth: int) -> Any:
        key = self.scalar(event) if type(event) is self.scalar_event else self.value(event, depth)
        if isinstance(key, (dict, list)):
            hint = 'Jinja must stand in quotes: "{{ ... }}"' if isinstance(key, dict) else "put it in quotes"
            raise self.error("a mapping or a list cannot be a key", event.start_mark, hint)
        return key

    def alias(self, event: Any, depth: int) -> Any:
        name = "" if self.private else f" `*{event.anchor}`"
        if event.anchor not in self.anchors:
            hint = "put the value in quotes if the asterisk is part of it"
            raise self.error(f"the alias{name} names no anchor", event.start_mark, hint)
        known = self.anchors[event.anchor]
        if known is None:
            raise self.error(f"the alias{name} stands inside of what it names", event.start_mark)
        value, count, height = known
        self.count += count
        self.height = height
        if depth + height > DEPTH_LIMIT:
            raise self.error(f"values are nested deeper than {DEPTH_LIMIT} levels", event.start_mark)
        if self.count > EXPANSION_LIMIT:
            raise self.error(f"with its aliases the file has more than {EXPANSION_LIMIT:,} values", event.start_mark)
        return value

    def merged(self, value: Any, mark: Any) -> list[Any]:
        """What `<<` brings in, the strongest last."""
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, dict) for part in parts):
            hint = "write an alias of a mapping: `<<: *name`"
            raise self.error("`<<` takes a mapping or a list of mappings", mark, hint)
        self.count += sum(map(len, parts))
        if self.count > EXPANSION_LIMIT:
            raise self.error(f"with its aliases the file has more than {EXPANSION_LIMIT:,} values", mark)
        return list(reversed(parts))

    def duplicate(self, key: Any, result: Mapped, mark: Any) -> None:
        name = "a key" if self.private else f"the key `{key}`"
        self.problems.append(
            Problem(
                f"{name} is written twice; the last one counts",
                Place(self.path, mark.line + 1, mark.column + 1),
                f"it was first written in line {result.place_of(key)[0]}",
                "warning",
                "DuplicateYAMLKeysDeprecation",
            )
        )

    def check_tag(self, event: Any, kind: str) -> None:
        if event.tag is not None and event.tag not in ("!", _STANDARD + kind):
            raise self.unknown_tag(event)

    def unknown_tag(self, event: Any) -> ProjectError:
        tag = event.tag or ""
        name = "" if self.private else " `" + tag.replace(_STANDARD, "!!") + "`"
        hint = "put the value in quotes if the exclamation mark is part of it"
        return self.error(f"the tag{name} means nothing here", event.start_mark, hint)

    def error(self, message: str, mark: Any, hint: str = "") -> ProjectError:
        return ProjectError(Problem(message, Place(self.path, mark.line + 1, mark.column + 1), hint))


def _merge(own: Mapped, merged: list[Any]) -> Mapped:
    """The merged keys first, as PyYAML orders them; a key of the mapping itself is stronger."""
    result = Mapped()
    result.line, result.column = own.line, own.column
    for part in (*merged, own):
        result.update(part)
        result._places.update(part._places)
    return result


@cache
def _implicit_rules() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """By first character: the types that a plain scalar may be of, as PyYAML knows them."""
    import yaml

    rules: dict[str, list[tuple[str, re.Pattern[str]]]] = yaml.SafeLoader.yaml_implicit_resolvers
    return rules


def _implicit_tag(text: str) -> str:
    for tag, pattern in _implicit_rules().get(text[:1], ()):
        if pattern.match(text):
            sixties = ":" in text and tag in (_STANDARD + "int", _STANDARD + "float")
            return _STANDARD + "str" if sixties else tag
    return _STANDARD + "str"


@cache
def _constructors() -> dict[str, Callable[[str], Any]]:
    """By tag: what makes the value of a scalar's text."""
    import yaml

    constructor = yaml.constructor.SafeConstructor()

    def by(name: str) -> Callable[[str], Any]:
        construct = getattr(constructor, f"construct_yaml_{name}")
        return lambda text: construct(yaml.ScalarNode(_STANDARD + name, text))

    # `=` and `<<` are types of their own in YAML 1.1; where they are no key they are meant as text.
    texts = {_STANDARD + name: str for name in ("str", "value", "merge")}
    return {**texts, **{_STANDARD + name: by(name) for name in ("int", "float", "bool", "null", "timestamp")}}


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, path: str) -> Problem:
    context = error.context or ""
    mark = error.problem_mark or error.context_mark
    if "simple key" in context:
        # What has no colon is noticed only by what follows it.
        mark = error.context_mark or mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    if "quoted scalar" in context and error.context_mark is not None:
        start = error.context_mark
        if "end of stream" in (error.problem or ""):
            place = Place(path, start.line + 1, start.column + 1)
            return Problem("the quote that opens here is never closed", place, "add the closing quote")
    rows = [mark.line for mark in (error.problem_mark, error.context_mark) if mark is not None]
    message = f"this is not valid YAML: {error.problem or 'it cannot be read'}"
    if context:
        message += f" ({context})"
    return Problem(message, Place(path, line, column), _hint(error.problem or "", text, rows))


def _hint(problem: str, text: str, rows: list[int]) -> str:
    lines = text.split("\n")
    near = [lines[row] for number in rows for row in (number, number - 1) if 0 <= row < len(lines)]
    for pattern, hint in _HINTS:
        if any(re.search(pattern, line) for line in near[:1] if hint is _TAB) or (
            hint is not _TAB and any(re.search(pattern, line) for line in near)
        ):
            return hint
    if "mapping values are not allowed" in problem:
        return "a colon followed by a space inside of a text needs quotes around the text"
    return "look at the indentation of this line and of the one above" if "did not find expected" in problem else ""


_TAB = "YAML is indented with spaces, not with tabs"
_HINTS: tuple[tuple[str, str], ...] = (
    (r"^\s*\t", _TAB),
    (r"(?:^|[:\-,\[]\s+)\{[{%#]", 'Jinja must stand in quotes: "{{ ... }}"'),
    (r"^\s*(?:- +)?[A-Za-z_][\w-]*:[^\s:/]", "a space is missing after the colon"),
    (r"(?::\s+|[\[,]\s*|-\s+)[@`%&*!|>]", "a value that begins with a special character needs quotes"),
)


def _character_problem(error: yaml.reader.ReaderError, text: str, path: str) -> Problem:
    data = text.encode("utf-8", "surrogatepass")
    before = data[: error.position].decode("utf-8", "replace")
    line, column = _line_and_column(before, len(before))
    character = error.character if isinstance(error.character, int) else ord(str(error.character)[:1] or "\0")
    hint = "remove it, or write it as an escape in double quotes"
    return Problem(f"the character U+{max(character, 0):04X} is not allowed in YAML", Place(path, line, column), hint)


def unquoted(message: str) -> str:
    """A message without what it quotes, for texts that nobody may see; single characters stay."""
    return re.sub(r"'[^']{2,}'|\"[^\"]{2,}\"|`[^`]{2,}`", "...", message)


def _line_and_column(text: str, position: int) -> tuple[int, int]:
    return text.count("\n", 0, position) + 1, position - (text.rfind("\n", 0, position) + 1) + 1

"""Functions of a project's own: their overloads, each a file that becomes part of a function, and their configs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from eltbuild.errors import Place, did_you_mean
from eltbuild.project.drafts import Draft
from eltbuild.project.loading import Loading
from eltbuild.project.patches import Patch
from eltbuild.values import replace


def with_overloads(loading: Loading, drafts: Iterable[Draft], patches: Iterable[Patch]) -> list[Draft]:
    """The drafts, where those files that are overloads of a function are in that function, and no drafts any more."""
    given = list(drafts)
    files = {(draft.package.name, draft.name): draft for draft in given if draft.resource_type == "function"}
    bodies: dict[tuple[str, str], dict[str, str]] = {}
    for patch in patches:
        if patch.kind != "functions":
            continue
        for overload in patch.entry.extra.get("overloads") or ():
            name = str(overload["defined_in"])
            file = files.get((patch.package.name, name))
            if file is None:
                place = Place(patch.file.path, patch.entry.line, patch.entry.column)
                text = f"function `{patch.entry.name}` has an overload in `{name}`, and there is no such file"
                names = [known for package, known in files if package == patch.package.name]
                loading.report(text, place, did_you_mean(name, names))
                continue
            bodies.setdefault((patch.package.name, patch.entry.name), {})[name] = file.code
    taken = {(package, name) for (package, _), inner in bodies.items() for name in inner}
    return [
        replace(draft, bodies=bodies.get((draft.package.name, draft.name), {}))
        if draft.resource_type == "function"
        else draft
        for draft in given
        if draft.resource_type != "function" or (draft.package.name, draft.name) not in taken
    ]


def with_bodies(extra: Mapping[str, Any], bodies: Mapping[str, str]) -> Mapping[str, Any]:
    """The signature of a function with the text of each overload."""
    overloads = [{**one, "raw_body": bodies.get(str(one["defined_in"]), "")} for one in extra.get("overloads") or ()]
    return {**extra, "overloads": overloads}


WORDS: Mapping[str, tuple[str, ...]] = {
    "type": ("scalar", "aggregate", "table"),
    "volatility": ("deterministic", "stable", "non-deterministic"),
}
"""What the configs of a function can be."""


def check_words(loading: Loading, config: Mapping[str, Any], place: Place | None) -> None:
    """Note a config of a function that is none of the words for it."""
    for key, words in WORDS.items():
        given = config.get(key)
        if given is not None and given not in words:
            hint = did_you_mean(str(given), words) or f"it is one of {', '.join(words)}"
            loading.report(f"config `{key}` cannot be `{given}`", place, hint)

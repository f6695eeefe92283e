"""Write the reference pages `commands.md` and `configuration.md` from the code, so that they cannot be wrong.

    python docs/generate.py            write the pages
    python docs/generate.py --check    write nothing; exit code 1 when a page is stale

Pages are pure functions of the command tree and of the tables of configs; only `main` touches files.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

HERE = Path(__file__).parent
NOTE = "<!-- Written by docs/generate.py from the code. Do not edit. -->\n"

SECTION_TITLES = {
    "models": "Models, and all that is built",
    "seeds": "Seeds",
    "snapshots": "Snapshots",
    "data_tests": "Data tests",
    "unit_tests": "Unit tests",
    "sources": "Sources",
    "exposures": "Exposures",
    "analyses": "Analyses",
    "functions": "Functions",
    "metrics": "Metrics",
    "semantic_models": "Semantic models",
    "saved_queries": "Saved queries",
}


# Commands


def commands(root: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that users see, with its full name: `eltbuild docs generate`; the groups above come first."""
    if root.hidden:
        return
    yield name, root
    if isinstance(root, click.Group):
        context = click.Context(root, info_name=name)
        for sub in sorted(root.list_commands(context)):
            command = root.get_command(context, sub)
            if command is not None:
                yield from commands(command, f"{name} {sub}")


def commands_page(root: click.Command, name: str = "eltbuild") -> str:
    """The page of all commands. Options that the tool itself has are told once, at the end."""
    found = list(commands(root, name))
    leaves = [(title, command) for title, command in found if not isinstance(command, click.Group)]
    shared = [param for param in root.params if isinstance(param, click.Option) and not param.hidden]
    told = frozenset(_key(param) for param in shared)
    parts = [
        f"{NOTE}\n# Commands\n\n{_text(root.help)}\n",
        "| command | does |\n|---|---|\n"
        + "".join(f"| [`{title}`](#{_anchor(title)}) | {_cell(_first(command))} |\n" for title, command in leaves),
        *(_command(title, command, told) for title, command in leaves),
    ]
    if shared:
        parts.append(f"## Options of every command\n\n{SHARED}{_variables_note(leaves)}\n\n{_options(shared)}")
    return "\n".join(part for part in parts if part)


SHARED = "They may stand before the command or after it."


def _variables_note(leaves: Sequence[tuple[str, click.Command]]) -> str:
    """A sentence on the other prefixes under which variables are read."""
    params = [param for _, command in leaves for param in command.params if isinstance(param, click.Option)]
    prefixes = [list(prefixes) for param in params if (prefixes := _prefixes(_variables(param)))]
    if not prefixes:
        return ""
    first, *others = max(prefixes, key=len)
    names = " and ".join(f"`{prefix}...`" for prefix in others)
    return f" A variable `{first}...` is read as {names} as well; the first that is set counts."


def _variables(param: click.Option) -> Sequence[str]:
    return [param.envvar] if isinstance(param.envvar, str) else list(param.envvar or ())


def _prefixes(variables: Sequence[str]) -> Sequence[str]:
    """What stands before the part that all variables end with, when the rest is the whole of it: `A_X`, `B_X`."""
    if len(variables) < 2:
        return ()
    ending = variables[0].partition("_")[2]
    if not all(variable.endswith(f"_{ending}") for variable in variables):
        return ()
    return [variable.removesuffix(ending) for variable in variables]


def _key(param: click.Parameter) -> str:
    return " ".join([*param.opts, *param.secondary_opts])


def _command(title: str, command: click.Command, told: frozenset[str]) -> str:
    usage = " ".join(
        [title, *(_argument(param) for param in command.params if isinstance(param, click.Argument)), "[OPTIONS]"]
    )
    own = [param for param in command.params if isinstance(param, click.Option) and _key(param) not in told]
    parts = [f"## `{title}`\n\n{_text(command.help)}\n\n```console\n$ {usage}\n```\n", _options(own)]
    if command.epilog:
        parts.append(f"{_text(command.epilog)}\n")
    return "\n".join(part for part in parts if part)


def _argument(param: click.Argument) -> str:
    return param.make_metavar(click.Context(click.Command("x")))


def _options(params: Sequence[click.Parameter]) -> str:
    rows = [_option(param) for param in params if isinstance(param, click.Option) and not param.hidden]
    if not rows:
        return ""
    return "| option | does | default | environment |\n|---|---|---|---|\n" + "".join(rows)


def _option(param: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in param.opts)
    if param.secondary_opts:
        names += " / " + ", ".join(f"`{name}`" for name in param.secondary_opts)
    if not param.is_flag and not param.count:
        names += f" {_values(param)}"
    variables = _variables(param)
    variables = variables[:1] if _prefixes(variables) else variables
    cells = (names, param.help or "", _default(param), ", ".join(f"`{name}`" for name in variables))
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |\n"


def _values(param: click.Option) -> str:
    if isinstance(param.type, click.Choice):
        return " or ".join(f"`{getattr(choice, 'value', choice)}`" for choice in param.type.choices)
    return f"*{(param.metavar or param.type.name).strip('[]').lower().replace('|', ' or ')}*"


def _default(param: click.Option) -> str:
    default: Any = param.default
    if default is None or default == () or callable(default) or type(default).__name__ == "Sentinel":
        return ""
    if isinstance(default, bool):
        return ("on" if default else "off") if param.secondary_opts else ("on" if default else "")
    return f"`{getattr(default, 'value', default)}`"


def _first(command: click.Command) -> str:
    return _text(command.short_help or command.help).split("\n\n")[0].replace("\n", " ")


def _text(text: str | None) -> str:
    """Help text as Markdown: click's marks go, indented examples become blocks."""
    clean = inspect.cleandoc(text or "").replace("\b\n", "").replace("\b", "").replace("\f", "")
    blocks = []
    for block in re.split(r"\n{2,}|(?<=:)\n(?=  )", clean):
        lines = block.split("\n")
        if lines and all(line.startswith(("  ", "\t", "$ ")) for line in lines if line):
            body = "\n".join(line.strip() for line in lines)
            blocks.append(f"```console\n{body}\n```")
        else:
            blocks.append(block.strip())
    return "\n\n".join(blocks).strip()


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


# Configs


def configuration_page(
    known: Mapping[str, frozenset[str]], explained: Mapping[str, Any], of_engines: Mapping[str, Mapping[str, str]]
) -> str:
    """The page of all configs: what every resource knows, what models know, what others know besides, engines."""
    sections = {section: {_plain(key) for key in keys} for section, keys in known.items()}
    told = set.intersection(*sections.values())
    parts = [f"{NOTE}\n# Configuration\n\n{INTRODUCTION}\n", f"## Every resource\n\n{_table(told, explained)}"]
    for section in sorted(sections, key=_position):
        own = (sections[section] & explained.keys()) - told
        if own:
            parts.append(f"## {_title(section)}\n\n{_table(own, explained)}")
            told |= own
    parts.append(f"## Configs of single engines\n\n{ENGINES}\n")
    for engine, keys in of_engines.items():
        rows = "".join(f"| `{key}` | {_cell(text)} |\n" for key, text in sorted(keys.items()))
        parts.append(f"### {engine}\n\n| config | means |\n|---|---|\n{rows}")
    return "\n".join(parts)


def _title(section: str) -> str:
    return SECTION_TITLES.get(section, section.replace("_", " ").capitalize())


INTRODUCTION = """\
A config can be set in three places; the later one wins:

1. in the project file, by folder: `models: {my_project: {staging: {+materialized: view}}}`;
2. in a properties file beside the models, under `config:`;
3. in the model's own file: `{{ config(materialized='table') }}`.

For a model of an installed package, what the project's own file says of that package outranks all three.
Lists such as `tags` and hooks are joined from all places, `meta` and other mappings are merged, all else is replaced.

Each table leaves out what a table above it has told: seeds, snapshots and tests know what models know.
A config that eltbuild does not know is kept, with a warning, and a template can read it with `config.get()`."""

ENGINES = """\
Names that dbt's adapters know. They are accepted in every project, so that one written for several engines loads
without warnings; one that the target's adapter does not act on has no effect."""


def _position(section: str) -> tuple[int, str]:
    order = list(SECTION_TITLES)
    return (order.index(section) if section in order else len(order), section)


def _plain(key: str) -> str:
    return key.replace("-", "_")


def _table(keys: set[str], explanations: Mapping[str, Any]) -> str:
    rows = []
    for key in sorted(keys):
        explanation = explanations[key]
        cells = (f"`{key}`", explanation.what, explanation.default, explanation.adapters)
        rows.append("| " + " | ".join(_cell(cell) for cell in cells) + " |\n")
    return "| config | means | default | adapters |\n|---|---|---|---|\n" + "".join(rows)


def missing_explanations(known: Mapping[str, frozenset[str]], *explained: Mapping[str, Any]) -> list[str]:
    """The known configs that nobody has explained."""
    return sorted(
        {_plain(key) for keys in known.values() for key in keys} - {key for keys in explained for key in keys}
    )


# Files


def pages() -> Mapping[Path, str]:
    """Every generated page, by the file that holds it."""
    from eltbuild.cli import cli
    from eltbuild.project.config import KNOWN
    from eltbuild.project.config_docs import EXPLANATIONS, OF_ENGINES

    missing = missing_explanations(KNOWN, EXPLANATIONS, *OF_ENGINES.values())
    if missing:
        raise SystemExit(f"eltbuild/project/config_docs.py explains nothing of: {', '.join(missing)}")
    return {
        HERE / "commands.md": commands_page(cli),
        HERE / "configuration.md": configuration_page(KNOWN, EXPLANATIONS, OF_ENGINES),
    }


def stale(wanted: Mapping[Path, str]) -> list[str]:
    """The pages that do not say what the code says."""
    return [
        path.name for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or check them; returns the exit code."""
    wanted = pages()
    if "--check" in arguments:
        old = stale(wanted)
        if old:
            sys.stderr.write(f"stale: {', '.join(old)}; run `python docs/generate.py`\n")
        return 1 if old else 0
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

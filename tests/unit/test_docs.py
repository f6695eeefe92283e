"""The reference pages say what the code says, and leave nothing out."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


generate = _load()


@pytest.mark.parametrize("page", ["commands.md", "configuration.md"])
def test_page_is_not_stale(page: str) -> None:
    wanted = {path.name: text for path, text in generate.pages().items()}
    assert (DOCS / page).read_text(encoding="utf-8") == wanted[page], "run: python docs/generate.py"


def test_every_command_has_help_and_a_place_in_the_page() -> None:
    from eltbuild.cli import cli

    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    found = [(name, command) for name, command in generate.commands(cli, "eltbuild") if name != "eltbuild"]
    assert len(found) > 10
    for name, command in found:
        assert command.help, f"{name} has no help"
        if not isinstance(command, click.Group):
            assert f"## `{name}`" in page
        for param in command.params:
            if isinstance(param, click.Option) and not param.hidden:
                assert param.help, f"{name} {param.opts} has no help"
                assert f"`{param.opts[0]}`" in page


def test_every_config_is_explained_and_no_other() -> None:
    from eltbuild.project.config import KNOWN
    from eltbuild.project.config_docs import EXPLANATIONS, OF_ENGINES

    explained = {*EXPLANATIONS, *(key for keys in OF_ENGINES.values() for key in keys)}
    known = {key.replace("-", "_") for keys in KNOWN.values() for key in keys}
    assert sorted(known - explained) == []
    assert sorted(explained - known) == []
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    assert [key for key in sorted(known) if f"| `{key}` |" not in page] == []


def test_links_in_the_documentation_lead_somewhere() -> None:
    pages = [*DOCS.rglob("*.md"), *ROOT.glob("*.md")]
    assert len(pages) > 5
    for page in pages:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if target.startswith(("http://", "https://", "mailto:")):
                continue
            path, _, anchor = target.partition("#")
            place = (page.parent / path).resolve() if path else page
            assert place.exists(), f"{page.name}: {target}"
            if anchor and place.suffix == ".md":
                headings = re.findall(r"^#+ (.+)$", place.read_text(encoding="utf-8"), flags=re.MULTILINE)
                assert anchor in {generate._anchor(heading) for heading in headings}, f"{page.name}: {target}"


def _shell_lines(page: Path) -> list[str]:
    """The calls of eltbuild in the console blocks of a page."""
    blocks = re.findall(r"```(?:console|sh)\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("eltbuild ") and "[OPTIONS]" not in line]


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md", "docs/commands.md", "example_project/README.md"])
def test_commands_in_the_documentation_exist(page: str) -> None:
    """Each command and each of its options is one that eltbuild knows."""
    from eltbuild.cli import cli

    lines = _shell_lines(ROOT / page)
    assert lines
    for line in lines:
        words = shlex.split(re.split(r"\s{3,}|\s>>?\s", line)[0])[1:]
        command: click.Command = cli
        context = command.make_context("eltbuild", list(words))
        while isinstance(command, click.Group):
            _, sub, words = command.resolve_command(context, [*context._protected_args, *context.args])
            assert sub is not None, line
            command, context = sub, sub.make_context(sub.name, list(words), parent=context)


def test_a_stale_page_is_found(tmp_path: Path) -> None:
    page = tmp_path / "commands.md"
    assert generate.stale({page: "x"}) == ["commands.md"]
    page.write_text("x", encoding="utf-8")
    assert generate.stale({page: "x"}) == []
    page.write_text("y", encoding="utf-8")
    assert generate.stale({page: "x"}) == ["commands.md"]


def test_commands_are_walked_whatever_they_are() -> None:
    """Groups in groups, hidden ones, choices, flags of two sides, defaults, variables, examples."""

    @click.group(help="A tool.")
    def tool() -> None: ...

    @tool.group(help="Inner things.")
    def inner() -> None: ...

    @inner.command(help="Does it.\n\nMore.", epilog="Examples:\n\n\b\n  $ tool inner go x --fast\n  $ tool inner go y")
    @click.argument("what")
    @click.option("--mode", type=click.Choice(["a", "b"]), default="a", help="How.", envvar=["TOOL_MODE", "OLD_MODE"])
    @click.option("--fast/--slow", default=True, help="How | fast.")
    @click.option("--secret", hidden=True)
    def go() -> None: ...

    @tool.command(hidden=True)
    def unseen() -> None: ...

    page = generate.commands_page(tool, "tool")
    assert generate.missing_explanations({"models": frozenset({"pre-hook", "x"})}, {"pre_hook": ""}, {}) == ["x"]
    assert "## `tool inner go`" in page
    assert "$ tool inner go WHAT [OPTIONS]" in page
    assert "| `--mode` `a` or `b` | How. | `a` | `TOOL_MODE` |" in page
    assert "| `--fast` / `--slow` | How \\| fast. | on |  |" in page
    assert "```console\n$ tool inner go x --fast\n$ tool inner go y\n```" in page
    assert "Examples:\n\n```console" in page
    assert "unseen" not in page
    assert "secret" not in page

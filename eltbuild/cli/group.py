"""The group of commands, and how a command gets its flags and calls its recipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import click

from eltbuild._version import __version__
from eltbuild.flags import FOLDERS, GLOBAL, Decorator

VERSION = click.version_option(__version__, "-V", "-v", "--version", message="eltbuild %(version)s")


class Commands(click.Group):
    """The group, which also answers to names that dbt has for the same command.

    A command is made when it is asked for: its flags are some fifty, and a call needs one command.
    """

    ALIASES = {"list": "ls", "snapshot-freshness": "freshness"}  # noqa: RUF012

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.later: dict[str, Callable[[], click.Command]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted({*super().list_commands(ctx), *self.later})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of that name or alias."""
        name = self.ALIASES.get(name, name)
        if name in self.later:
            self.add_command(self.later.pop(name)(), name)
        return super().get_command(ctx, name)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """The context of a call. That whoever read its output has gone, as `head` does, is nobody's fault."""
        try:
            return super().make_context(*args, **kwargs)
        except BrokenPipeError:
            raise click.exceptions.Exit(0) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command; a reader that has gone does not count here either."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            ctx.exit(0)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name; an unknown one gets a hint."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from eltbuild.errors import did_you_mean

            hint = did_you_mean(args[0], self.list_commands(ctx)) if args else ""
            raise click.UsageError(f"{error.message} {hint}".strip(), ctx) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@VERSION
@click.pass_context
def cli(ctx: click.Context, /, **flags: Any) -> None:
    """Build SQL transformations: parse, compile, plan, run and test a project of models.

    \b
    Examples:
      eltbuild build                       build and test everything
      eltbuild run --select orders+        a model and all that stands on it
      eltbuild plan --select tag:nightly   what would be built, and why
    """
    ctx.obj = {key: value for key, value in flags.items() if is_given(value)}


def is_given(value: Any) -> bool:
    return value is not None and value != () and value != {}


def _apply(command: Any, groups: Sequence[Sequence[Decorator]]) -> Any:
    for group in groups:
        for option in group:
            command = option(command)
    return command


_apply(cli, (GLOBAL, FOLDERS))


def keep(ctx: click.Context, flags: dict[str, Any]) -> None:
    """Flags that stand before the command's own name, for `call`: those that stand nearer to it count."""
    root = ctx.find_root()
    root.obj = {**(root.obj or {}), **{key: value for key, value in flags.items() if is_given(value)}}


def under(name: str) -> Callable[[Any], click.Group]:
    """Register a group of commands, which takes the common flags as the whole does. Its function calls `keep`."""

    def register(function: Any) -> click.Group:
        group = click.group(name, cls=Commands)(click.pass_context(function))
        cli.later[name] = lambda: cast(click.Command, VERSION(_apply(group, (FOLDERS, GLOBAL))))
        return group

    return register


def command(
    name: str, *groups: Sequence[Decorator], examples: str, group: click.Group | None = None
) -> Callable[[Any], Any]:
    """Register a command: its own flags, those of `groups`, and the common ones."""

    def register(function: Any) -> Any:
        def made() -> click.Command:
            epilog = f"\b\nExamples:\n{examples}"
            found: click.Command = VERSION(click.command(name, epilog=epilog)(click.pass_context(function)))
            return cast(click.Command, _apply(found, (*groups, FOLDERS, GLOBAL)))

        cast(Commands, group or cli).later[name] = made
        return function

    return register


def call(ctx: click.Context, recipe: str, flags: dict[str, Any], **more: Any) -> None:
    """Call a recipe with the flags of the command, and leave with its exit code."""
    from importlib import import_module

    from eltbuild.commands.options import Options

    given = {key: value for key, value in flags.items() if is_given(value)}
    merged = {**(ctx.find_root().obj or {}), **given, **more}
    module = import_module(f"eltbuild.commands.{recipe}")
    ctx.exit(module.command(Options(**merged)))

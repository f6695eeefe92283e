"""Commands in, exit code out. Decides nothing, and imports nothing heavy before a command is chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from eltbuild._version import __version__
from eltbuild.flags import (
    EMPTY,
    FOLDERS,
    GLOBAL,
    ORPHANS,
    OUTPUT,
    REFRESH,
    SELECTION,
    SHARED,
    STORE,
    TYPES,
    Decorator,
    Words,
    YamlMapping,
    flag,
    value,
    words,
)

VERSION = click.version_option(__version__, "-V", "-v", "--version", message="eltbuild %(version)s")


class Commands(click.Group):
    """The group, which also answers to names that dbt has for the same command."""

    ALIASES = {"list": "ls", "snapshot-freshness": "freshness"}  # noqa: RUF012

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of that name or alias."""
        return super().get_command(ctx, self.ALIASES.get(name, name))

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
    ctx.obj = {key: value for key, value in flags.items() if _is_given(value)}


def _is_given(value: Any) -> bool:
    return value is not None and value != () and value != {}


def _apply(command: Any, groups: Sequence[Sequence[Decorator]]) -> Any:
    for group in groups:
        for option in group:
            command = option(command)
    return command


_apply(cli, (GLOBAL, FOLDERS))


def command(name: str, *groups: Sequence[Decorator], examples: str, group: click.Group = cli) -> Callable[[Any], Any]:
    """Register a command: its own flags, those of `groups`, and the common ones."""

    def register(function: Any) -> click.Command:
        made = VERSION(click.command(name, epilog=f"\b\nExamples:\n{examples}")(click.pass_context(function)))
        _apply(made, (*groups, FOLDERS, GLOBAL))
        group.add_command(made)
        return made

    return register


def _run(ctx: click.Context, recipe: str, flags: dict[str, Any], **more: Any) -> None:
    """Call a recipe with the flags of the command, and leave with its exit code."""
    from importlib import import_module

    from eltbuild.commands.options import Options

    given = {key: value for key, value in flags.items() if _is_given(value)}
    merged = {**(ctx.find_root().obj or {}), **given, **more}
    module = import_module(f"eltbuild.commands.{recipe}")
    ctx.exit(module.command(Options(**merged)))


@command("build", SELECTION, TYPES, REFRESH, EMPTY, STORE, SHARED, examples="""\
  eltbuild build
  eltbuild build --select +fct_orders --full-refresh
  eltbuild build --select state:modified+ --state prod-artifacts""")  # fmt: skip
@click.option("--show/--no-show", default=None, hidden=True)
@click.option("--include-saved-query/--no-include-saved-query", default=None, hidden=True, expose_value=False)
@click.option("--export-saved-queries/--no-export-saved-queries", default=None, hidden=True, expose_value=False)
def build(ctx: click.Context, **flags: Any) -> None:
    """Build seeds, models and snapshots and test them, in the order of the graph."""
    _run(ctx, "build", flags)


@command("run", SELECTION, REFRESH, EMPTY, SHARED, examples="""\
  eltbuild run
  eltbuild run --select tag:nightly --exclude orders
  eltbuild run --select events --event-time-start 2013-01-01 --event-time-end 2013-02-01""")  # fmt: skip
def run(ctx: click.Context, **flags: Any) -> None:
    """Build models."""
    _run(ctx, "run", flags)


@command("test", SELECTION, TYPES, STORE, SHARED, examples="""\
  eltbuild test
  eltbuild test --select orders --store-failures
  eltbuild test --select test_type:singular""")  # fmt: skip
def test(ctx: click.Context, **flags: Any) -> None:
    """Run tests against what stands in the warehouse."""
    _run(ctx, "test", flags)


@command("seed", SELECTION, REFRESH, SHARED, examples="""\
  eltbuild seed
  eltbuild seed --select countries --full-refresh""")  # fmt: skip
@click.option("--show/--no-show", default=None, help="Show the first rows of each seed.")
@click.option("--empty/--no-empty", default=None, help="Load no rows.")
def seed(ctx: click.Context, **flags: Any) -> None:
    """Load seed files into tables."""
    _run(ctx, "seed", flags)


@command("snapshot", SELECTION, SHARED, examples="""\
  eltbuild snapshot
  eltbuild snapshot --select customers_history""")  # fmt: skip
@click.option("--empty/--no-empty", default=None, help="Record no rows.")
def snapshot(ctx: click.Context, **flags: Any) -> None:
    """Record the changes of rows since the last time."""
    _run(ctx, "snapshot", flags)


@command("clone", SELECTION, TYPES, SHARED, examples="""\
  eltbuild clone --state prod-artifacts
  eltbuild clone --state prod-artifacts --select +fct_orders --full-refresh""")  # fmt: skip
@flag("full-refresh", "Put the view also in the place of what stands there.", "f")
def clone(ctx: click.Context, **flags: Any) -> None:
    """Make views in this target that read what another run built: its manifest.json lies in --state.

    \b
    What stands is left as it is. No row is copied, and nothing is computed; ephemeral models are passed over.
    """
    _run(ctx, "clone", flags)


@command("plan", SELECTION, TYPES, REFRESH, examples="""\
  eltbuild plan
  eltbuild plan --select state:modified+ --state prod-artifacts --output json""")  # fmt: skip
@click.option("--output", type=click.Choice(["text", "json"]), default=None, help="How to print.")
def plan(ctx: click.Context, **flags: Any) -> None:
    """Show what a build would do, and why, without doing it."""
    _run(ctx, "plan", flags)


@command("compile", SELECTION, TYPES, REFRESH, OUTPUT, examples="""\
  eltbuild compile
  eltbuild compile --select fct_orders
  eltbuild compile --inline "select * from {{ ref('orders') }}" """)  # fmt: skip
@click.option("--inline", default=None, help="Compile this text in place of models.")
@click.option("--empty/--no-empty", default=None, help="Compile as for a build with no rows.")
def compile_(ctx: click.Context, **flags: Any) -> None:
    """Render models to SQL under target/compiled; one model, or --inline, is printed."""
    _run(ctx, "compile", flags)


@command("show", SELECTION, OUTPUT, examples="""\
  eltbuild show --select fct_orders --limit 20
  eltbuild show --inline "select count(*) from {{ ref('orders') }}" --output json""")  # fmt: skip
@click.option("--inline", default=None, help="Show the rows of this query.")
@click.option("--limit", type=int, default=None, help="How many rows; -1 for all. [default: 5]")
@click.option("--full-refresh/--no-full-refresh", "-f", default=None, help="Compile as for a build from nothing.")
def show(ctx: click.Context, **flags: Any) -> None:
    """Run the query of a model and print its first rows."""
    _run(ctx, "show", flags)


@command("ls", SELECTION, TYPES, examples="""\
  eltbuild ls
  eltbuild ls --select tag:nightly --resource-type model
  eltbuild ls --output json --output-keys name config.materialized""")  # fmt: skip
@click.option("--output", type=click.Choice(["json", "name", "path", "selector"]), default=None, help="How to print.")
@click.option("--output-keys", cls=Words, multiple=True, metavar="WORDS...", help="With json: these keys only.")
def ls(ctx: click.Context, **flags: Any) -> None:
    """List resources."""
    _run(ctx, "ls", flags)


@command("parse", examples="""\
  eltbuild parse
  eltbuild parse --target prod --vars '{region: eu}'""")  # fmt: skip
def parse(ctx: click.Context, **flags: Any) -> None:
    """Read and check the whole project, and write manifest.json."""
    _run(ctx, "parse", flags)


@command("debug", examples="""\
  eltbuild debug
  eltbuild debug --target prod""")  # fmt: skip
@click.option("--connection", is_flag=True, default=False, expose_value=False, help="Test the connection only.")
@click.option("--config-dir", is_flag=True, default=None, help="Print the folder of profiles.yml, and no more.")
def debug(ctx: click.Context, **flags: Any) -> None:
    """Show which project, profile and warehouse are used, and whether the connection works."""
    _run(ctx, "debug", flags)


@command("deps", examples="""\
  eltbuild deps
  eltbuild deps --upgrade
  eltbuild deps --add-package dbt-labs/dbt_utils@1.3.0""")  # fmt: skip
@click.option("--upgrade", is_flag=True, default=False, help="Resolve again, whatever the lock file says.")
@click.option("--lock", "lock_only", is_flag=True, default=False, help="Write the lock file and install nothing.")
@click.option("--add-package", default=None, metavar="NAME@VERSION", help="Add a package to packages.yml first.")
@click.option("--source", type=click.Choice(["hub", "git", "local"]), default="hub", help="Where the added package is.")
def deps(
    ctx: click.Context, upgrade: bool, lock_only: bool, add_package: str | None, source: str, **flags: Any
) -> None:
    """Install the packages that the project names."""
    from eltbuild.commands.options import Options
    from eltbuild.commands.packages import command as recipe

    given = {**(ctx.find_root().obj or {}), **{k: v for k, v in flags.items() if _is_given(v)}}
    ctx.exit(recipe(Options(**given), upgrade=upgrade, lock_only=lock_only, add=add_package, source=source))


@cli.command("init", epilog="\b\nExamples:\n  eltbuild init shop\n  eltbuild init shop --adapter duckdb")
@click.argument("name", required=False)
@click.option("--adapter", default="duckdb", show_default=True, help="The adapter of the profile.")
@click.option("--project-dir", default=None, help="The folder in which the project's folder is made.")
@click.option("--skip-profile-setup", "-s", is_flag=True, default=False, expose_value=False, hidden=True)
@click.pass_context
def init(ctx: click.Context, name: str | None, adapter: str, project_dir: str | None) -> None:
    """Write a small project to start from."""
    from eltbuild.commands.start import command as recipe

    ctx.exit(recipe(name, adapter, project_dir))


@command("clean", examples="""\
  eltbuild clean""")  # fmt: skip
@click.option("--clean-project-files-only/--no-clean-project-files-only", default=True, hidden=True, expose_value=False)
def clean(ctx: click.Context, **flags: Any) -> None:
    """Delete the folders that clean-targets names."""
    _run(ctx, "sweep", flags)


@command("retry", REFRESH, SHARED, examples="""\
  eltbuild retry
  eltbuild retry --state previous-run""")  # fmt: skip
def retry(ctx: click.Context, **flags: Any) -> None:
    """Run again what failed or was skipped in the last run."""
    _run(ctx, "retry", flags)


@command("check-incremental", SELECTION, examples="""\
  eltbuild check-incremental daily_sales
  eltbuild check-incremental --select tag:nightly --deltas 5
  eltbuild check-incremental orders --cut loaded_at --exclude-columns built_at""")  # fmt: skip
@click.argument("models", nargs=-1)
@click.option("--deltas", type=click.IntRange(1), default=None, help="How many runs follow the first one. [default: 3]")
@click.option("--cut", default=None, metavar="COLUMN", help="The column that says when a row had come.")
@words("exclude-columns", "Columns that are not compared, such as the time of the run.")
@value("event-time-start", "For microbatch models: where the history begins.")
@value("event-time-end", "For microbatch models: where it ends.")
def check_incremental(ctx: click.Context, models: tuple[str, ...], **flags: Any) -> None:
    """Build incremental models again, from history, then delta by delta, and compare with their full queries.

    \b
    It is done in a schema of its own, which is dropped again: the models' tables are neither read nor written.
    The exit code is 0 where all are equal, 1 where rows differ or a model fails.
    """
    _run(ctx, "check_incremental", {**flags, "select": (*models, *flags["select"])})


@command("orphans", ORPHANS, examples="""\
  eltbuild orphans
  eltbuild orphans --drop --select 'stg_*'
  eltbuild orphans --drop --kept
  eltbuild orphans --restore .eltbuild/archive/main.orders-20261121T101500Z-5f0c.parquet""")  # fmt: skip
def orphans(ctx: click.Context, **flags: Any) -> None:
    """List relations that the project built and no longer contains."""
    _run(ctx, "orphans", flags)


@command("run-operation", examples="""\
  eltbuild run-operation grant_select --args '{role: reporter}'
  eltbuild run-operation --sql "vacuum" """)  # fmt: skip
@click.argument("macro", required=False)
@click.option("--args", type=YamlMapping(), default="{}", help="The macro's arguments as YAML.")
@click.option("--sql", default=None, help="Run this SQL (rendered first) in place of a macro.")
def run_operation(ctx: click.Context, macro: str | None, **flags: Any) -> None:
    """Call a macro."""
    from eltbuild.commands.operation import command as recipe
    from eltbuild.commands.options import Options

    given = {**(ctx.find_root().obj or {}), **{k: v for k, v in flags.items() if _is_given(v)}}
    ctx.exit(recipe(Options(**given), macro))


@cli.group("source", cls=Commands)
def source() -> None:
    """Look at sources."""


@command("freshness", SELECTION, group=source, examples="""\
  eltbuild source freshness
  eltbuild source freshness --select source:raw""")  # fmt: skip
@click.option("--output", "-o", default=None, help="Write the results to this file in place of target/sources.json.")
def freshness(ctx: click.Context, **flags: Any) -> None:
    """Check how long ago sources were loaded."""
    _run(ctx, "freshness", flags)


@cli.group("docs", cls=Commands)
def docs() -> None:
    """Documentation artifacts."""


@command("generate", SELECTION, group=docs, examples="""\
  eltbuild docs generate
  eltbuild docs generate --no-compile""")  # fmt: skip
@click.option("--compile/--no-compile", default=None, help="Compile models first. [default: compile]")
@click.option("--empty-catalog", is_flag=True, default=None, help="Write a catalogue without asking the warehouse.")
@click.option("--static", is_flag=True, default=False, hidden=True, expose_value=False)
def generate(ctx: click.Context, **flags: Any) -> None:
    """Write manifest.json and catalog.json."""
    _run(ctx, "documents", flags)


@cli.command("completion", epilog="\b\nExamples:\n  eltbuild completion bash >> ~/.bashrc\n  eltbuild completion fish")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what completes commands and flags in a shell."""
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(cli, {}, "eltbuild", "_ELTBUILD_COMPLETE").source())


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script: run a command, tell errors in plain words and without secrets, leave with 0, 1 or 2."""
    import os

    from eltbuild.process import run_and_leave
    from eltbuild.secrecy import remembering

    with remembering(os.environ):
        run_and_leave(cli, arguments)

"""Commands in, exit code out. Decides nothing, and imports nothing heavy before a command is chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import click

from eltbuild._version import __version__
from eltbuild.flags import (
    EMPTY,
    FOLDERS,
    GLOBAL,
    ORPHANS,
    OUTPUT,
    PUBLISH,
    REFRESH,
    SELECTION,
    SHARED,
    STORE,
    TYPES,
    UNIT,
    Decorator,
    Words,
    YamlMapping,
    flag,
    value,
    words,
)

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
    ctx.obj = {key: value for key, value in flags.items() if _is_given(value)}


def _is_given(value: Any) -> bool:
    return value is not None and value != () and value != {}


def _apply(command: Any, groups: Sequence[Sequence[Decorator]]) -> Any:
    for group in groups:
        for option in group:
            command = option(command)
    return command


_apply(cli, (GLOBAL, FOLDERS))


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


def _run(ctx: click.Context, recipe: str, flags: dict[str, Any], **more: Any) -> None:
    """Call a recipe with the flags of the command, and leave with its exit code."""
    from importlib import import_module

    from eltbuild.commands.options import Options

    given = {key: value for key, value in flags.items() if _is_given(value)}
    merged = {**(ctx.find_root().obj or {}), **given, **more}
    module = import_module(f"eltbuild.commands.{recipe}")
    ctx.exit(module.command(Options(**merged)))


@command("build", SELECTION, TYPES, REFRESH, EMPTY, STORE, UNIT, PUBLISH, SHARED, examples="""\
  eltbuild build
  eltbuild build --select +fct_orders --full-refresh
  eltbuild build --select state:modified+ --state prod-artifacts
  eltbuild build --publish audited""")  # fmt: skip
@click.option("--show/--no-show", default=None, hidden=True)
@click.option("--include-saved-query/--no-include-saved-query", default=None, hidden=True, expose_value=False)
@click.option("--export-saved-queries/--no-export-saved-queries", default=None, hidden=True, expose_value=False)
def build(ctx: click.Context, **flags: Any) -> None:
    """Build seeds, models and snapshots and test them, in the order of the graph."""
    _run(ctx, "build", flags)


@command("run", SELECTION, REFRESH, EMPTY, PUBLISH, SHARED, examples="""\
  eltbuild run
  eltbuild run --select tag:nightly --exclude orders
  eltbuild run --select events --event-time-start 2013-01-01 --event-time-end 2013-02-01""")  # fmt: skip
def run(ctx: click.Context, **flags: Any) -> None:
    """Build models."""
    _run(ctx, "run", flags)


@command("test", SELECTION, TYPES, STORE, UNIT, SHARED, examples="""\
  eltbuild test
  eltbuild test --select orders --store-failures
  eltbuild test --select test_type:singular""")  # fmt: skip
def test(ctx: click.Context, **flags: Any) -> None:
    """Run tests against what stands in the warehouse."""
    _run(ctx, "test", flags)


@command("seed", SELECTION, REFRESH, PUBLISH, SHARED, examples="""\
  eltbuild seed
  eltbuild seed --select countries --full-refresh""")  # fmt: skip
@click.option("--show/--no-show", default=None, help="Show the first rows of each seed.")
@click.option("--empty/--no-empty", default=None, help="Load no rows.")
def seed(ctx: click.Context, **flags: Any) -> None:
    """Load seed files into tables."""
    _run(ctx, "seed", flags)


@command("snapshot", SELECTION, PUBLISH, SHARED, examples="""\
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


@command("plan", SELECTION, TYPES, REFRESH, PUBLISH, examples="""\
  eltbuild plan
  eltbuild plan --select state:modified+ --state prod-artifacts --output json""")  # fmt: skip
@click.option("--output", type=click.Choice(["text", "json"]), default=None, help="How to print.")
def plan(ctx: click.Context, **flags: Any) -> None:
    """Show what a build would do, and why, without doing it."""
    _run(ctx, "plan", flags)


@command("diff", TYPES, examples="""\
  eltbuild diff --state prod-artifacts
  eltbuild diff --state prod-artifacts --fail-on breaking
  eltbuild diff --state prod-artifacts --resource-type model --output json""")  # fmt: skip
@click.option("--output", type=click.Choice(["text", "json"]), default=None, help="How to print.")
@click.option("--fail-on", type=click.Choice(["breaking", "change"]), default=None,
              help="Leave with 1 where a contract is broken, or where anything differs.")  # fmt: skip
def diff(ctx: click.Context, **flags: Any) -> None:
    """Show what differs from another run, and which contracts that breaks: its manifest.json lies in --state.

    \b
    The warehouse is not asked. What is compared is what `--select state:modified` compares.
    """
    _run(ctx, "diff", flags)


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
    from eltbuild.commands.deps import command as recipe
    from eltbuild.commands.options import Options

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
    from eltbuild.commands.init import command as recipe

    ctx.exit(recipe(name, adapter, project_dir))


@command("clean", examples="""\
  eltbuild clean""")  # fmt: skip
@click.option("--clean-project-files-only/--no-clean-project-files-only", default=True, hidden=True, expose_value=False)
def clean(ctx: click.Context, **flags: Any) -> None:
    """Delete the folders that clean-targets names."""
    _run(ctx, "clean", flags)


@command("retry", REFRESH, UNIT, SHARED, examples="""\
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


@command("unit-test", SELECTION, UNIT, examples="""\
  eltbuild unit-test
  eltbuild unit-test orders tag:billing
  eltbuild unit-test --on-target
  eltbuild unit-test --record orders --rows 3 --mask email phone""")  # fmt: skip
@click.argument("models", nargs=-1)
@words("record", "Write a unit test of these models with rows that stand in the warehouse now.")
@click.option("--rows", type=click.IntRange(1), default=None,
              help="With --record: how many rows of an input are kept, about. [default: 5]")  # fmt: skip
@words("mask", "With --record: columns whose texts and numbers are replaced.")
@click.option("--output", "-o", default=None, metavar="FILE",
              help="With --record: the properties file, in place of one of its own beside the model.")  # fmt: skip
def unit_test(ctx: click.Context, models: tuple[str, ...], **flags: Any) -> None:
    """Run unit tests: in memory, without the warehouse, in milliseconds each.

    \b
    MODELS are words of --select; without any, all unit tests are run. With --record, the warehouse is read, nothing is
    written to it, and the test is run once.
    """
    _run(ctx, "unit_test", {**flags, "select": (*models, *flags["select"])})


@command("mutate", SELECTION, UNIT, examples="""\
  eltbuild mutate orders
  eltbuild mutate --select tag:billing --min-score 80
  eltbuild mutate orders --output json""")  # fmt: skip
@click.argument("models", nargs=-1)
@click.option("--min-score", type=click.FloatRange(0, 100), default=None, metavar="PERCENT",
              help="Leave with 1 where the tests of a model notice less of its changes.")  # fmt: skip
@click.option("--output", type=click.Choice(["text", "json"]), default=None, help="How to print.")
def mutate(ctx: click.Context, models: tuple[str, ...], **flags: Any) -> None:
    """Change models in small ways, one at a time, and tell which changes their unit tests do not notice.

    \b
    `<` becomes `<=`, INNER JOIN becomes LEFT JOIN, a predicate is dropped, sum becomes max, and so on. No file is
    changed. What no test notices is a case that no test covers, or a change that changes nothing.
    A change that ends in an error counts as noticed.
    """
    _run(ctx, "mutate", {**flags, "select": (*models, *flags["select"])})


@command("orphans", ORPHANS, examples="""\
  eltbuild orphans
  eltbuild orphans --drop --select 'stg_*'
  eltbuild orphans --drop --kept
  eltbuild orphans --restore .eltbuild/archive/main.orders-20261121T101500Z-5f0c.parquet""")  # fmt: skip
def orphans(ctx: click.Context, **flags: Any) -> None:
    """List relations that the project built and no longer contains."""
    _run(ctx, "orphans", flags)


@command("profile", SELECTION, examples="""\
  eltbuild profile fct_orders
  eltbuild profile fct_orders --columns amount status
  eltbuild profile --select source:raw --sample 100000
  eltbuild profile fct_orders --output json""")  # fmt: skip
@click.argument("models", nargs=-1)
@words("columns", "Only these columns, in detail.")
@click.option("--sample", "sample_rows", type=int, default=None, metavar="ROWS", help="Draw so many rows.")
@click.option("--output", type=click.Choice(["text", "json"]), default=None, help="How to print.")
def profile(
    ctx: click.Context, models: tuple[str, ...], columns: tuple[str, ...], sample_rows: int | None, **flags: Any
) -> None:
    """Show what stands in the columns of models, seeds, snapshots and sources.

    \b
    Types, NULLs, distinct values, ranges, quantiles, the most frequent values and histograms: one query for all
    columns, and one for what is frequent. Written to target/profiles/, too.
    """
    from eltbuild.commands.options import Options
    from eltbuild.commands.profile import command as recipe

    given = {**flags, "select": (*models, *flags["select"])}
    merged = {**(ctx.find_root().obj or {}), **{k: v for k, v in given.items() if _is_given(v)}}
    ctx.exit(recipe(Options(**merged), sample_rows, columns))


@command("history", OUTPUT, examples="""\
  eltbuild history
  eltbuild history tests --since 30d
  eltbuild history fct_orders --limit 50
  eltbuild history --sql "select name, avg(seconds) from nodes group by 1 order by 2 desc" """)  # fmt: skip
@click.argument("what", default="runs", metavar="[runs|nodes|tests|metrics]")
@click.argument("name", required=False)
@click.option("--limit", type=int, default=None, help="How many runs are looked at. [default: 20]")
@click.option("--since", default=None, metavar="TIME", help="Only what came since then: 7d, 12h, 2013-01-31.")
@click.option("--sql", default=None, help="Ask the tables runs, nodes, tests and metrics with this query.")
def history(ctx: click.Context, what: str, name: str | None, **flags: Any) -> None:
    """Show how runs, nodes and tests went, and what tests observed: slower than usual, flaky, failing since when.

    \b
    NAME is a node's, with * for any letters; `eltbuild history NAME` shows its results. Nothing is changed.
    """
    from eltbuild.commands.history import command as recipe
    from eltbuild.commands.options import Options

    given = {**(ctx.find_root().obj or {}), **{k: v for k, v in flags.items() if _is_given(v)}}
    ctx.exit(recipe(Options(**given), what, name))


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


@cli.group("gx", cls=Commands)
def gx() -> None:
    """Exchange suites with Great Expectations."""


@gx.command(
    "import",
    epilog="""\b
Examples:
  eltbuild gx import expectations/orders.json --model orders
  eltbuild gx import suite.json --source raw.orders --write models/raw_expectations.yml""",
)
@click.argument("suite")
@click.option("--model", default=None, help="The model, seed or snapshot that the suite is about.")
@click.option("--source", default=None, metavar="NAME.TABLE", help="The table of a source that it is about.")
@click.option("--write", default=None, metavar="FILE", help="Write the properties to this new file.")
@click.pass_context
def gx_import(ctx: click.Context, suite: str, model: str | None, source: str | None, write: str | None) -> None:
    """Print the properties that say the same as a suite of expectations."""
    from eltbuild.commands.gx import import_command as recipe

    ctx.exit(recipe(suite, model, source, write))


@command("export", SELECTION, group=gx, examples="""\
  eltbuild gx export --select orders
  eltbuild gx export --output-dir suites""")  # fmt: skip
@click.option("--output-dir", default=None, metavar="DIR", help="Write a file for each suite into this folder.")
def gx_export(ctx: click.Context, output_dir: str | None, **flags: Any) -> None:
    """Print the expectations of the selected models as suites of Great Expectations."""
    from eltbuild.commands.gx import export_command as recipe
    from eltbuild.commands.options import Options

    given = {**(ctx.find_root().obj or {}), **{k: v for k, v in flags.items() if _is_given(v)}}
    ctx.exit(recipe(Options(**given), output_dir))


@command("freshness", SELECTION, TYPES, examples="""\
  eltbuild freshness
  eltbuild freshness --select source:raw+ --resource-type model""")  # fmt: skip
@click.option("--output", "-o", default=None, help="Write the results to this file in place of target/freshness.json.")
def freshness_of_everything(ctx: click.Context, **flags: Any) -> None:
    """Check how long ago sources were loaded, and models, seeds and snapshots that say how fresh they must be."""
    _run(ctx, "freshness", flags, everything=True)


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


@command("serve", group=docs, examples="""\
  eltbuild docs serve
  eltbuild docs serve --port 9000 --no-browser""")  # fmt: skip
@click.option("--host", default=None, help="The address to listen at. [default: 127.0.0.1, this machine only]")
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="The port to listen at. [default: 8080]")
@click.option("--browser/--no-browser", default=None, help="Open a browser. [default: in a terminal]")
def serve(ctx: click.Context, **flags: Any) -> None:
    """Show the documentation artifacts in a browser, until stopped.

    \b
    Served are target/index.html, where there is one, else a page about the project, and the JSON artifacts.
    Whoever can reach the address can read them.
    """
    _run(ctx, "serve", flags)


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

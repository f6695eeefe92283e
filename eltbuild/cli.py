"""Flags in, exit code out. Decides nothing, and imports nothing heavy before a command is chosen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn

import click

from eltbuild._version import __version__

Decorator = Callable[[Any], Any]


def _names(flag: str) -> list[str]:
    """The environment variables that set a flag."""
    name = flag.upper().replace("-", "_")
    return [f"ELTBUILD_{name}", f"DBT_ENGINE_{name}", f"DBT_{name}"]


class YamlMapping(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A mapping written as YAML or JSON."""

    name = "yaml"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The mapping. Fails for anything else."""
        if not isinstance(value, str):
            return value
        import yaml

        from eltbuild.secrecy import hidden

        try:
            found = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            # A date that there is none of is no error of YAML's own.
            why = getattr(error, "problem", None) or "it cannot be read"
            self.fail(f"{hidden(repr(value))} is not YAML: {why}", param, ctx)
        if found is None:
            return {}
        if not isinstance(found, dict):
            self.fail(f"must be a mapping such as '{{name: value}}', and is {hidden(repr(value))}", param, ctx)
        return found


class Words(click.Option):
    """An option that takes several words: `--select a b c`, as well as `--select a --select b`."""

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Let the option take every word up to the next flag."""
        super().add_to_parser(parser, ctx)
        for name in self.opts:
            known = parser._long_opt.get(name) or parser._short_opt.get(name)
            if known is not None:
                known.process = self._greedy(known, known.process)

    @staticmethod
    def _greedy(known: Any, process: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        def take(value: Any, state: Any) -> None:
            words = [value]
            while state.rargs and not state.rargs[0].startswith("-"):
                words.append(state.rargs.pop(0))
            for word in words:
                process(word, state)

        return take


def _flag(name: str, text: str, short: str = "", env: bool = True) -> Decorator:
    """A flag that can be given as `--name` and `--no-name`."""
    spelled = f"--{name}/--no-{name}"
    params = [f"-{short}", spelled] if short else [spelled]
    return click.option(*params, default=None, help=text, envvar=_names(name) if env else None)


def _value(name: str, text: str, *more: str, env: bool = True, **kwargs: Any) -> Decorator:
    return click.option(f"--{name}", *more, help=text, envvar=_names(name) if env else None, default=None, **kwargs)


def _words(name: str, text: str, *more: str) -> Decorator:
    return click.option(f"--{name}", *more, cls=Words, multiple=True, help=text, metavar="WORDS...")


GLOBAL: Sequence[Decorator] = (
    click.option("--log-format", type=click.Choice(["text", "debug", "json", "default"]), envvar=_names("log-format"),
                 default=None, help="How the log is written on the console."),
    click.option("--log-level", type=click.Choice(["debug", "info", "warn", "error", "none"]),
                 envvar=_names("log-level"), default=None, help="The least level shown on the console."),
    click.option("--log-format-file", type=click.Choice(["text", "debug", "json", "default"]),
                 envvar=_names("log-format-file"), default=None, help="How the log file is written."),
    click.option("--log-level-file", type=click.Choice(["debug", "info", "warn", "error", "none"]),
                 envvar=_names("log-level-file"), default=None, help="The least level written to the log file."),
    _value("log-path", "The folder of the log file."),
    _flag("use-colors", "Colours on the console."),
    _flag("quiet", "Show errors only.", "q"),
    _flag("debug", "Show every statement and its time.", "d"),
    _flag("print", "Show what templates print()."),
    _flag("fail-fast", "Stop at the first failure.", "x"),
    _flag("warn-error", "Treat warnings as errors."),
    click.option("--warn-error-options", type=YamlMapping(), envvar=_names("warn-error-options"), default=None,
                 help="Which warnings are errors: '{error: [...], silence: [...]}'."),
    _flag("write-json", "Write manifest.json and run_results.json."),
    _flag("version-check", "Check the project's require-dbt-version."),
    _flag("partial-parse", "Use what earlier calls have read, where nothing changed."),
    _flag("introspect", "Let templates ask the warehouse while compiling."),
    click.option("--indirect-selection", type=click.Choice(["eager", "cautious", "buildable", "empty"]),
                 envvar=_names("indirect-selection"), default=None, help="Which tests follow from selected nodes."),
    _value("state", "A folder with the artifacts of another run, to compare with."),
    _flag("defer", "Refer to the relations of --state for nodes that are not selected."),
    _value("defer-state", "A folder with the manifest that --defer uses."),
    _flag("favor-state", "With --defer: prefer the other run's relations."),
    # Known to scripts written for dbt; without effect here.
    click.option("--cache-selected-only/--no-cache-selected-only", default=None, hidden=True, expose_value=False),
    click.option("--populate-cache/--no-populate-cache", default=None, hidden=True, expose_value=False),
    click.option("--send-anonymous-usage-stats/--no-send-anonymous-usage-stats", default=None, hidden=True,
                 expose_value=False),
    click.option("--static-parser/--no-static-parser", default=None, hidden=True, expose_value=False),
    click.option("--use-experimental-parser/--no-use-experimental-parser", default=None, hidden=True,
                 expose_value=False),
    click.option("--use-colors-file/--no-use-colors-file", default=None, hidden=True, expose_value=False),
    click.option("--log-cache-events/--no-log-cache-events", default=None, hidden=True, expose_value=False),
    click.option("--single-threaded/--no-single-threaded", default=None, hidden=True, expose_value=False),
    click.option("--printer-width", type=int, default=None, hidden=True, expose_value=False),
    click.option("--show-all-deprecations/--no-show-all-deprecations", default=None, hidden=True, expose_value=False),
)  # fmt: skip

FOLDERS: Sequence[Decorator] = (
    _value("project-dir", "The project's folder; else this folder or one above it."),
    _value("profiles-dir", "The folder that holds profiles.yml."),
    _value("profile", "The profile to use, in place of the project's."),
    click.option("--target", "-t", envvar=_names("target"), default=None, help="The profile's target to use."),
    _value("target-path", "The folder for artifacts and compiled SQL."),
    click.option("--threads", type=click.IntRange(0), envvar=_names("threads"), default=None,
                 help="How many nodes run at once."),
    click.option("--vars", type=YamlMapping(), default="{}", help="Variables as YAML: '{name: value}'."),
)  # fmt: skip

SELECTION: Sequence[Decorator] = (
    _words(
        "select", "What to take: names, paths, tag:x, +upstream, downstream+ ...", "-s", "--models", "--model", "-m"
    ),
    _words("exclude", "What to leave out, in the same words."),
    click.option("--selector", default=None, help="A selection by its name in selectors.yml."),
)

TYPES: Sequence[Decorator] = (
    _words("resource-type", "Only these types of resources.", "--resource-types"),
    _words("exclude-resource-type", "Not these types of resources.", "--exclude-resource-types"),
)

REFRESH: Sequence[Decorator] = (_flag("full-refresh", "Build incremental models and seeds from nothing.", "f"),)
SHARED: Sequence[Decorator] = (
    _flag("adopt", "Take over relations that this project did not build; each is kept under another name."),
    click.option("--wait", is_flag=False, flag_value="forever", default=None, metavar="[DURATION]",
                 envvar=_names("wait"), help="Wait for another run to end: 90s, 10m, or until it does."),
)  # fmt: skip
ORPHANS: Sequence[Decorator] = (
    _words("select", "Which of them: names, with schema and database or not, and * for any letters.", "-s"),
    _words("exclude", "Which not, in the same words."),
    click.option("--drop", is_flag=True, default=None, help="Write each to a file in .eltbuild/archive, then drop it."),
    click.option("--kept", is_flag=True, default=None,
                 help="With --drop: also those that were put aside when the project took over."),
    click.option("--restore", metavar="FILE", default=None, help="Make again what was dropped, from its file."),
    click.option("--output", type=click.Choice(["text", "json"]), default=None, help="How to print."),
    SHARED[1],
)  # fmt: skip
EMPTY: Sequence[Decorator] = (
    _flag("empty", "Build with no rows, to check that everything fits."),
    _value("sample", "Only the rows of a span of time: '3 days', or '{start: ..., end: ...}'."),
    _value("event-time-start", "The first time of the batches to build."),
    _value("event-time-end", "The time before which the batches to build end."),
)
STORE: Sequence[Decorator] = (_flag("store-failures", "Keep the failing rows of tests as tables."),)
OUTPUT: Sequence[Decorator] = (
    click.option("--output", type=click.Choice(["text", "json", "csv"]), default=None, help="How to print."),
)


class Commands(click.Group):
    """The group, which also answers to names that dbt has for the same command."""

    ALIASES = {"list": "ls"}  # noqa: RUF012

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
@click.version_option(__version__, "-V", "-v", "--version", message="eltbuild %(version)s")
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
        made = click.command(name, epilog=f"\b\nExamples:\n{examples}")(click.pass_context(function))
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
@_words("exclude-columns", "Columns that are not compared, such as the time of the run.")
@_value("event-time-start", "For microbatch models: where the history begins.")
@_value("event-time-end", "For microbatch models: where it ends.")
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


@cli.group("source")
def source() -> None:
    """Look at sources."""


@command("freshness", SELECTION, group=source, examples="""\
  eltbuild source freshness
  eltbuild source freshness --select source:raw""")  # fmt: skip
@click.option("--output", "-o", default=None, help="Write the results to this file in place of target/sources.json.")
def freshness(ctx: click.Context, **flags: Any) -> None:
    """Check how long ago sources were loaded."""
    _run(ctx, "freshness", flags)


@cli.group("docs")
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

    from eltbuild.secrecy import remembering

    with remembering(os.environ):
        _called(arguments)


def _called(arguments: Sequence[str] | None) -> None:
    import gc
    from errno import ENOSPC

    from eltbuild.errors import EltbuildError, Interrupted

    # A command makes many small values and keeps them: looking for cycles among them each time is wasted.
    gc.set_threshold(200_000, 20, 20)
    _stop_on_termination()
    _open_closed_streams()
    try:
        args = None if arguments is None else list(arguments)
        left = cli.main(args=args, prog_name="eltbuild", standalone_mode=False)
        # click hands back the code of `ctx.exit`, and what a command returns.
        code = left if isinstance(left, int) else 0
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = 2
    except (KeyboardInterrupt, click.exceptions.Abort, Interrupted) as error:
        with suppress(OSError):
            click.echo("stopped", err=True)
        code = _stopped(error)
    except EltbuildError as error:
        code = _tell(error)
    except RecursionError:
        click.echo("[ERROR]: something in the project is nested, or calls itself, without end", err=True)
        code = 2
    except MemoryError:
        click.echo("[ERROR]: the memory is full", err=True)
        code = 2
    except OSError as error:
        where = f"{error.filename}: " if error.filename else "cannot write: " if error.errno == ENOSPC else ""
        click.echo(f"[ERROR]: {where}{error.strerror or error}", err=True)
        code = 2
    except Exception as error:
        code = _confess(error)
    _leave(code)


def _stopped(error: BaseException) -> int:
    """128 and the number of the signal that stopped the command."""
    causes = (error, error.__cause__, error.__context__)
    numbers = (getattr(cause, "number", 0) for cause in causes)
    return 128 + next(filter(None, numbers), 2)


def _leave(code: int) -> NoReturn:
    """The process ends with that code, or 2 where its output could not be written; what still hangs is not waited for.

    A reader that has gone does not count.
    """
    import os
    import signal

    if code > 128:
        # From here on nobody is there to answer a signal that is sent again.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError) as error:
            # Python would try that once more, and complain.
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            if stream is sys.stdout and not isinstance(error, BrokenPipeError):
                reason = getattr(error, "strerror", None) or error
                click.echo(f"[ERROR]: the output could not be written: {reason}", err=True)
                code = code or 2
    if code > 128:
        # No other way ends work that was abandoned; the engine undoes what it has not committed.
        os._exit(code)
    sys.exit(code)


def _confess(error: Exception) -> int:
    """A fault of eltbuild's own: said in a line, the details in a file that can be sent with a report."""
    import tempfile
    import traceback

    from eltbuild.secrecy import hidden

    with tempfile.NamedTemporaryFile("w", prefix="eltbuild-fault-", suffix=".txt", delete=False) as file:
        told = hidden("".join(traceback.format_exception(error)))
        file.write(f"eltbuild {__version__}\n{sys.version}\n\n{told}")
    click.echo(hidden(f"[ERROR]: a fault in eltbuild itself: {type(error).__name__}: {error}"), err=True)
    click.echo(f"    hint: please report it, with {file.name}", err=True)
    return 2


AGAIN = 0.05
"""Seconds after which a request to stop that came to nothing is made again."""


class Stopped(KeyboardInterrupt):
    """Another signal than that of Ctrl-C asked the process to end; it is answered in the same way."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _stop_on_termination() -> None:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does: what runs is cancelled, what was done is told."""
    import signal

    def stop(number: int, frame: object) -> None:
        raise Stopped(number)

    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        # What was ignored on purpose, as by `nohup`, stays so.
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, stop)
    sys.unraisablehook = _unraisable


def _unraisable(ignored: Any) -> None:
    """What was raised where Python can only ignore it, as within an import: a request to stop is made again."""
    import signal
    import threading

    if not isinstance(ignored.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(ignored)
        return
    number = getattr(ignored.exc_value, "number", signal.SIGINT)
    again = threading.Timer(AGAIN, signal.raise_signal, (number,))
    again.daemon = True
    again.start()


def _open_closed_streams() -> None:
    """Let what is written go nowhere where whoever started the process closed its streams."""
    import os

    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115


def _tell(error: Any) -> int:
    from eltbuild.report.problems import tell

    return tell(error, sys.stderr)

"""Commands that build and test: flags in, a recipe called."""

from __future__ import annotations

from typing import Any

import click

from eltbuild.cli.group import call, command, is_given
from eltbuild.flags import (
    EMPTY,
    PUBLISH,
    REFRESH,
    SELECTION,
    SHARED,
    STORE,
    TYPES,
    UNIT,
    YamlMapping,
    flag,
    value,
    words,
)


@command("build", SELECTION, TYPES, REFRESH, EMPTY, STORE, UNIT, PUBLISH, SHARED, examples="""\
  eltbuild build
  eltbuild build --select +fct_orders --full-refresh
  eltbuild build --select state:modified+ --state prod-artifacts
  eltbuild build --publish audited""")  # fmt: skip
@click.option("--show/--no-show", default=None, hidden=True)
@click.option("--include-saved-query/--no-include-saved-query", default=None, hidden=True, expose_value=False)
@click.option("--export-saved-queries/--no-export-saved-queries", default=None, hidden=True, expose_value=False)
def build(ctx: click.Context, **flags: Any) -> None:
    """Build seeds, models and snapshots, and test them. That is done in the order of the graph."""
    call(ctx, "build", flags)


@command("run", SELECTION, REFRESH, EMPTY, PUBLISH, SHARED, examples="""\
  eltbuild run
  eltbuild run --select tag:nightly --exclude orders
  eltbuild run --select events --event-time-start 2013-01-01 --event-time-end 2013-02-01""")  # fmt: skip
def run(ctx: click.Context, **flags: Any) -> None:
    """Build models."""
    call(ctx, "run", flags)


@command("test", SELECTION, TYPES, STORE, UNIT, SHARED, examples="""\
  eltbuild test
  eltbuild test --select orders --store-failures
  eltbuild test --select test_type:singular""")  # fmt: skip
def test(ctx: click.Context, **flags: Any) -> None:
    """Run tests against what stands in the warehouse."""
    call(ctx, "test", flags)


@command("seed", SELECTION, REFRESH, PUBLISH, SHARED, examples="""\
  eltbuild seed
  eltbuild seed --select countries --full-refresh""")  # fmt: skip
@click.option("--show/--no-show", default=None, help="Show the first rows of each seed.")
@click.option("--empty/--no-empty", default=None, help="Load no rows.")
def seed(ctx: click.Context, **flags: Any) -> None:
    """Load seed files into tables."""
    call(ctx, "seed", flags)


@command("snapshot", SELECTION, PUBLISH, SHARED, examples="""\
  eltbuild snapshot
  eltbuild snapshot --select customers_history""")  # fmt: skip
@click.option("--empty/--no-empty", default=None, help="Record no rows.")
def snapshot(ctx: click.Context, **flags: Any) -> None:
    """Record the changes of rows since the last time."""
    call(ctx, "snapshot", flags)


@command("clone", SELECTION, TYPES, SHARED, examples="""\
  eltbuild clone --state prod-artifacts
  eltbuild clone --state prod-artifacts --select +fct_orders --full-refresh""")  # fmt: skip
@flag("full-refresh", "Put the view also in the place of what stands there.", "f")
def clone(ctx: click.Context, **flags: Any) -> None:
    """Make views here that read what another run built. Its manifest.json lies in --state.

    \b
    What stands is left as it is. No row is copied, and nothing is computed; ephemeral models are passed over.
    """
    call(ctx, "clone", flags)


@command("retry", REFRESH, UNIT, SHARED, examples="""\
  eltbuild retry
  eltbuild retry --state previous-run""")  # fmt: skip
def retry(ctx: click.Context, **flags: Any) -> None:
    """Run again what failed or was skipped in the last run."""
    call(ctx, "retry", flags)


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
    """Compare incremental models with their full queries. Both are built from history, the one delta by delta.

    \b
    It is done in a schema of its own, which is dropped again: the models' tables are neither read nor written.
    The exit code is 0 where all are equal, 1 where rows differ or a model fails.
    """
    call(ctx, "check_incremental", {**flags, "select": (*models, *flags["select"])})


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
    """Run unit tests, in memory and without the warehouse. Each takes milliseconds.

    \b
    MODELS are words of --select; without any, all unit tests are run. With --record, the warehouse is read, nothing is
    written to it, and the test is run once.
    """
    call(ctx, "unit_test", {**flags, "select": (*models, *flags["select"])})


@command("mutate", SELECTION, UNIT, examples="""\
  eltbuild mutate orders
  eltbuild mutate --select tag:billing --min-score 80
  eltbuild mutate orders --data-tests
  eltbuild mutate orders --output json""")  # fmt: skip
@click.argument("models", nargs=-1)
@click.option(
    "--data-tests",
    is_flag=True,
    default=None,
    help="Let data tests judge, too, over the rows that stand in the target; nothing there is changed.",
)
@click.option("--min-score", type=click.FloatRange(0, 100), default=None, metavar="PERCENT",
              help="Leave with 1 where the tests of a model notice less of its changes.")  # fmt: skip
@click.option("--output", type=click.Choice(["text", "json"]), default=None, help="How to print.")
def mutate(ctx: click.Context, models: tuple[str, ...], **flags: Any) -> None:
    """Find changes of models that no unit test notices. They are small, and made one at a time.

    \b
    `<` becomes `<=`, INNER JOIN becomes LEFT JOIN, a predicate is dropped, sum becomes max, and so on. No file is
    changed. What no test notices is a case that no test covers, or a change that changes nothing.
    A change that ends in an error counts as noticed.
    """
    call(ctx, "mutate", {**flags, "select": (*models, *flags["select"])})


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

    given = {**(ctx.find_root().obj or {}), **{k: v for k, v in flags.items() if is_given(v)}}
    ctx.exit(recipe(Options(**given), macro))

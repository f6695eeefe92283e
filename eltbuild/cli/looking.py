"""Commands that show what a project is, what it would do, and what stands in its target."""

from __future__ import annotations

from typing import Any

import click

from eltbuild.cli.group import call, command, is_given, keep, under
from eltbuild.flags import LISTED, OUTPUT, PUBLISH, REFRESH, SELECTION, TYPES, VALUES, Words, words


@command("plan", SELECTION, TYPES, REFRESH, PUBLISH, examples="""\
  eltbuild plan
  eltbuild plan --select state:modified+ --state prod-artifacts --output json""")  # fmt: skip
@click.option("--output", type=click.Choice(["text", "json"]), default=None, help="How to print.")
def plan(ctx: click.Context, **flags: Any) -> None:
    """Show what a build would do, and why, without doing it."""
    call(ctx, "plan", flags)


@command("diff", TYPES, examples="""\
  eltbuild diff --state prod-artifacts
  eltbuild diff --state prod-artifacts --fail-on breaking
  eltbuild diff --state prod-artifacts --resource-type model --output json""")  # fmt: skip
@click.option("--output", type=click.Choice(["text", "json"]), default=None, help="How to print.")
@click.option("--fail-on", type=click.Choice(["breaking", "change"]), default=None,
              help="Leave with 1 where a contract is broken, or where anything differs.")  # fmt: skip
def diff(ctx: click.Context, **flags: Any) -> None:
    """Show what differs from another run, and what breaks. Its manifest.json lies in --state.

    \b
    The warehouse is not asked. What is compared is what `--select state:modified` compares.
    """
    call(ctx, "diff", flags)


@command("compile", SELECTION, TYPES, REFRESH, OUTPUT, examples="""\
  eltbuild compile
  eltbuild compile --select fct_orders
  eltbuild compile --inline "select * from {{ ref('orders') }}" """)  # fmt: skip
@click.option("--inline", default=None, help="Compile this text in place of models.")
@click.option("--empty/--no-empty", default=None, help="Compile as for a build with no rows.")
def compile_(ctx: click.Context, **flags: Any) -> None:
    """Render models to SQL under target/compiled. One model, or --inline, is printed."""
    call(ctx, "compile", flags)


@command("show", SELECTION, OUTPUT, examples="""\
  eltbuild show --select fct_orders --limit 20
  eltbuild show --inline "select count(*) from {{ ref('orders') }}" --output json""")  # fmt: skip
@click.option("--inline", default=None, help="Show the rows of this query.")
@click.option("--inline-direct", default=None, hidden=True)
@click.option("--limit", type=int, default=None, help="How many rows; -1 for all. [default: 5]")
@click.option("--full-refresh/--no-full-refresh", "-f", default=None, help="Compile as for a build from nothing.")
def show(ctx: click.Context, inline_direct: str | None, **flags: Any) -> None:
    """Run the query of a model and print its first rows."""
    if inline_direct is not None:
        from eltbuild.commands.inline import verbatim

        flags["inline"] = verbatim(inline_direct)
    call(ctx, "show", flags)


@command("ls", LISTED, TYPES, examples="""\
  eltbuild ls
  eltbuild ls --select tag:nightly --resource-type model
  eltbuild ls --output json --output-keys name config.materialized""")  # fmt: skip
@click.option("--output", type=click.Choice(["json", "name", "path", "selector"]), default=None, help="How to print.")
@click.option("--output-keys", cls=Words, multiple=True, metavar="WORDS...", help="With json: these keys only.")
def ls(ctx: click.Context, models: tuple[str, ...], **flags: Any) -> None:
    """List resources."""
    if models and flags["select"]:
        raise click.UsageError("--models and --select exclude each other: give one of them")
    if models and flags["resource_type"]:
        raise click.UsageError("--models lists models: give --select together with --resource-type")
    call(ctx, "ls", {**flags, "select": models, "resource_type": ("model",)} if models else flags)


@command("parse", examples="""\
  eltbuild parse
  eltbuild parse --target prod --vars '{region: eu}'""")  # fmt: skip
def parse(ctx: click.Context, **flags: Any) -> None:
    """Read and check the project, and write manifest.json."""
    call(ctx, "parse", flags)


@command("debug", examples="""\
  eltbuild debug
  eltbuild debug --target prod""")  # fmt: skip
@click.option("--connection", is_flag=True, default=None, help="Test the connection, and show no more.")
@click.option("--config-dir", is_flag=True, default=None, help="Print the folder of profiles.yml, and no more.")
def debug(ctx: click.Context, **flags: Any) -> None:
    """Show the project, profile and warehouse in use. The connection is tried."""
    call(ctx, "debug", flags)


@command("profile", SELECTION, VALUES, examples="""\
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
    """Show what stands in the columns of a relation. That is: of models, seeds, snapshots and sources.

    \b
    Types, NULLs, distinct values, ranges, quantiles, the most frequent values and histograms: one query for all
    columns, and one for what is frequent. Written to target/profiles/, too.
    """
    from eltbuild.commands.options import Options
    from eltbuild.commands.profile import command as recipe

    given = {**flags, "select": (*models, *flags["select"])}
    merged = {**(ctx.find_root().obj or {}), **{k: v for k, v in given.items() if is_given(v)}}
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
    """Show how runs, nodes and tests went. Also what is slower than usual, flaky, failing since when.

    \b
    NAME is a node's, with * for any letters; `eltbuild history NAME` shows its results. Nothing is changed.
    """
    from eltbuild.commands.history import command as recipe
    from eltbuild.commands.options import Options

    given = {**(ctx.find_root().obj or {}), **{k: v for k, v in flags.items() if is_given(v)}}
    ctx.exit(recipe(Options(**given), what, name))


@command("freshness", SELECTION, TYPES, examples="""\
  eltbuild freshness
  eltbuild freshness --select source:raw+ --resource-type model""")  # fmt: skip
@click.option("--output", "-o", default=None, help="Write the results to this file in place of target/freshness.json.")
def freshness_of_everything(ctx: click.Context, **flags: Any) -> None:
    """Check how long ago sources and models were loaded. Of seeds and snapshots, those that have rules for it."""
    call(ctx, "freshness", flags, everything=True)


@under("source")
def source(ctx: click.Context, /, **flags: Any) -> None:
    """Look at sources."""
    keep(ctx, flags)


@command("freshness", SELECTION, group=source, examples="""\
  eltbuild source freshness
  eltbuild source freshness --select source:raw""")  # fmt: skip
@click.option("--output", "-o", default=None, help="Write the results to this file in place of target/sources.json.")
def freshness(ctx: click.Context, **flags: Any) -> None:
    """Check how long ago sources were loaded."""
    call(ctx, "freshness", flags)


@under("docs")
def docs(ctx: click.Context, /, **flags: Any) -> None:
    """Documentation artifacts."""
    keep(ctx, flags)


@command("generate", SELECTION, group=docs, examples="""\
  eltbuild docs generate
  eltbuild docs generate --no-compile""")  # fmt: skip
@click.option("--compile/--no-compile", default=None, help="Compile models first. [default: compile]")
@click.option("--empty-catalog", is_flag=True, default=None, help="Write a catalogue without asking the warehouse.")
@click.option("--static", is_flag=True, default=None, help="Write static_index.html, a page that needs no other file.")
def generate(ctx: click.Context, **flags: Any) -> None:
    """Write manifest.json and catalog.json."""
    call(ctx, "documents", flags)


@command("serve", group=docs, examples="""\
  eltbuild docs serve
  eltbuild docs serve --port 9000 --no-browser""")  # fmt: skip
@click.option("--host", default=None, help="The address to listen at. [default: 127.0.0.1, this machine only]")
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="The port to listen at. [default: 8080]")
@click.option("--browser/--no-browser", default=None, help="Open a browser. [default: in a terminal]")
def serve(ctx: click.Context, **flags: Any) -> None:
    """Show the documentation artifacts in a browser, until stopped.

    \b
    Served are target/index.html, where there is one, else a page about the project: resources, columns, results of
    tests; a page for each profile; and the JSON artifacts. Whoever can reach the address can read them.
    """
    call(ctx, "serve", flags)

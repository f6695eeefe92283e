"""Commands around a project: its packages, its folders, what it has left behind, what others understand of it."""

from __future__ import annotations

from typing import Any

import click

from eltbuild.cli.group import Commands, call, cli, command, is_given
from eltbuild.flags import ORPHANS, SELECTION


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

    given = {**(ctx.find_root().obj or {}), **{k: v for k, v in flags.items() if is_given(v)}}
    ctx.exit(recipe(Options(**given), upgrade=upgrade, lock_only=lock_only, add=add_package, source=source))


@command("init", examples="""\
  eltbuild init shop
  eltbuild init shop --adapter duckdb""")  # fmt: skip
@click.argument("name", required=False)
@click.option("--adapter", default="duckdb", show_default=True, help="The adapter of the profile.")
@click.option("--skip-profile-setup", "-s", is_flag=True, default=False, expose_value=False, hidden=True)
@click.option("--skip-debug", is_flag=True, default=False, expose_value=False, hidden=True)
def init(ctx: click.Context, name: str | None, adapter: str, project_dir: str | None, **_: Any) -> None:
    """Write a small project to start from.

    \b
    It stands in a folder of its name: here, or in --project-dir.
    """
    from eltbuild.commands.init import command as recipe

    ctx.exit(recipe(name, adapter, project_dir or (ctx.find_root().obj or {}).get("project_dir")))


@command("clean", examples="""\
  eltbuild clean""")  # fmt: skip
@click.option(
    "--clean-project-files-only/--no-clean-project-files-only",
    default=None,
    help="Whether clean-targets outside of the project are refused.",
)
def clean(ctx: click.Context, **flags: Any) -> None:
    """Delete the folders that clean-targets names."""
    call(ctx, "clean", flags)


@command("orphans", ORPHANS, examples="""\
  eltbuild orphans
  eltbuild orphans --drop --select 'stg_*'
  eltbuild orphans --drop --kept
  eltbuild orphans --restore .eltbuild/archive/main.orders-20261121T101500Z-5f0c.parquet""")  # fmt: skip
def orphans(ctx: click.Context, **flags: Any) -> None:
    """List relations that the project no longer contains. It has built them; nothing is dropped unless asked for."""
    call(ctx, "orphans", flags)


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

    given = {**(ctx.find_root().obj or {}), **{k: v for k, v in flags.items() if is_given(v)}}
    ctx.exit(recipe(Options(**given), output_dir))


@cli.command("completion", epilog="\b\nExamples:\n  eltbuild completion bash >> ~/.bashrc\n  eltbuild completion fish")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what completes commands and flags in a shell."""
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(cli, {}, "eltbuild", "_ELTBUILD_COMPLETE").source())

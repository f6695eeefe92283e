"""The flags that commands share, and the environment variables that set them. What they do is not known here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

Decorator = Callable[[Any], Any]


OLD_VARIABLES: Mapping[str, Sequence[str]] = {
    "state": ("DBT_ARTIFACT_STATE_PATH",), "defer": ("DBT_DEFER_TO_STATE",), "favor-state": ("DBT_FAVOR_STATE_MODE",),
}  # fmt: skip
"""By flag, what older versions of dbt called its variable, and dbt still takes."""


def names(flag: str) -> list[str]:
    """The environment variables that set a flag."""
    name = flag.upper().replace("-", "_")
    old = OLD_VARIABLES.get(flag, ())
    return [f"ELTBUILD_{name}", f"DBT_ENGINE_{name}", f"DBT_{name}", *old]


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


def flag(name: str, text: str, short: str = "", env: bool = True) -> Decorator:
    """A flag that can be given as `--name` and `--no-name`."""
    spelled = f"--{name}/--no-{name}"
    params = [f"-{short}", spelled] if short else [spelled]
    return click.option(*params, default=None, help=text, envvar=names(name) if env else None)


def value(name: str, text: str, *more: str, env: bool = True, **kwargs: Any) -> Decorator:
    """A flag with a value. `more`: other spellings; `kwargs`: what click is told of the value."""
    return click.option(f"--{name}", *more, help=text, envvar=names(name) if env else None, default=None, **kwargs)


def words(name: str, text: str, *more: str, env: bool = False, **kwargs: Any) -> Decorator:
    """A flag with words, of which several may follow it. `env`: a variable may hold them, with spaces between."""
    return click.option(
        f"--{name}", *more, cls=Words, multiple=True, help=text, metavar="WORDS...",
        envvar=names(f"{name}s") if env else None, **kwargs,
    )  # fmt: skip


def _without_effect(*names: str, kind: type | None = None) -> tuple[Decorator, ...]:
    """Flags that scripts written for dbt may carry; they are taken and have no effect. `kind`: of their value."""
    short = {"record-timing-info": ("-r",)}
    return tuple(
        click.option(
            *((f"--{name}/--no-{name}",) if kind is None else (f"--{name}", *short.get(name, ()))),
            type=kind, default=None, hidden=True, expose_value=False,
        )
        for name in names
    )  # fmt: skip


GLOBAL: Sequence[Decorator] = (
    click.option("--log-format", type=click.Choice(["text", "debug", "json", "default"]), envvar=names("log-format"),
                 default=None, help="How the log is written on the console."),
    click.option("--log-level", type=click.Choice(["debug", "info", "warn", "error", "none"]),
                 envvar=names("log-level"), default=None, help="The least level shown on the console."),
    click.option("--log-format-file", type=click.Choice(["text", "debug", "json", "default"]),
                 envvar=names("log-format-file"), default=None, help="How the log file is written."),
    click.option("--log-level-file", type=click.Choice(["debug", "info", "warn", "error", "none"]),
                 envvar=names("log-level-file"), default=None, help="The least level written to the log file."),
    value("log-path", "The folder of the log file."),
    flag("use-colors", "Colours on the console."),
    flag("quiet", "Show errors only.", "q"),
    flag("debug", "Show every statement and its time.", "d"),
    flag("print", "Show what templates print()."),
    flag("fail-fast", "Stop at the first failure.", "x"),
    flag("warn-error", "Treat warnings as errors."),
    click.option("--warn-error-options", type=YamlMapping(), envvar=names("warn-error-options"), default=None,
                 help="Which warnings are errors: '{error: [...], silence: [...]}'."),
    flag("write-json", "Write manifest.json and run_results.json."),
    flag("version-check", "Check the project's require-dbt-version."),
    flag("partial-parse", "Use what earlier calls have read, where nothing changed."),
    flag("introspect", "Let templates ask the warehouse while compiling."),
    click.option("--indirect-selection", type=click.Choice(["eager", "cautious", "buildable", "empty"]),
                 envvar=names("indirect-selection"), default=None, help="Which tests follow from selected nodes."),
    value("state", "A folder with the artifacts of another run, to compare with."),
    flag("defer", "Refer to the relations of --state for nodes that are not selected."),
    value("defer-state", "A folder with the manifest that --defer uses."),
    flag("favor-state", "With --defer: prefer the other run's relations."),
    *_without_effect(
        "cache-selected-only", "deprecated-favor-state", "hints-enabled", "log-cache-events", "macro-debugging",
        "partial-parse-file-diff", "populate-cache", "send-anonymous-usage-stats", "show-all-deprecations",
        "show-resource-report", "single-threaded", "snowflake-projects-otel", "static-parser",
        "upload-to-artifacts-ingest-api", "use-colors-file", "use-experimental-parser", "use-fast-test-edges",
        "use-v2-parser",
    ),
    *_without_effect("log-file-max-bytes", "maximum-seed-size-mib", "printer-width", kind=int),
    *_without_effect("partial-parse-file-path", "record-timing-info", "sqlparse", "v2-parser", kind=str),
)  # fmt: skip

FOLDERS: Sequence[Decorator] = (
    value("project-dir", "The project's folder; else this folder or one above it."),
    value("profiles-dir", "The folder that holds profiles.yml."),
    value("profile", "The profile to use, in place of the project's."),
    click.option("--target", "-t", envvar=names("target"), default=None, help="The profile's target to use."),
    value("target-path", "The folder for artifacts and compiled SQL."),
    click.option("--threads", type=click.IntRange(0), envvar=names("threads"), default=None,
                 help="How many nodes run at once."),
    click.option("--vars", type=YamlMapping(), default="{}", help="Variables as YAML: '{name: value}'."),
)  # fmt: skip

TAKE = "What to take: names, paths, tag:x, +upstream, downstream+ ..."
OLD_NAMES = ("--models", "--model", "-m")
LEFT_OUT: Sequence[Decorator] = (
    words("exclude", "What to leave out, in the same words."),
    click.option("--selector", default=None, help="A selection by its name in selectors.yml."),
)
SELECTION: Sequence[Decorator] = (words("select", TAKE, "-s", *OLD_NAMES), *LEFT_OUT)
LISTED: Sequence[Decorator] = (
    words("select", TAKE, "-s"), click.option(*OLD_NAMES, "models", cls=Words, multiple=True, hidden=True), *LEFT_OUT,
)  # fmt: skip
"""`--models` of `ls` lists models and nothing else."""

TYPES: Sequence[Decorator] = (
    words("resource-type", "Only these types of resources.", "--resource-types", env=True),
    words("exclude-resource-type", "Not these types of resources.", "--exclude-resource-types", env=True),
)

REFRESH: Sequence[Decorator] = (flag("full-refresh", "Build incremental models and seeds from nothing.", "f"),)
SHARED: Sequence[Decorator] = (
    flag("adopt", "Take over relations that this project did not build; each is kept under another name."),
    click.option("--wait", is_flag=False, flag_value="forever", default=None, metavar="[DURATION]",
                 envvar=names("wait"), help="Wait for another run to end: 90s, 10m, or until it does."),
    flag("example-values", "Tell some of the values that expectations, contracts or keys refuse. [default: yes]"),
)  # fmt: skip
VALUES: Sequence[Decorator] = (
    flag("example-values", "Tell values of rows: extremes, quantiles, the most frequent ones. [default: yes]"),
)
ORPHANS: Sequence[Decorator] = (
    words("select", "Which of them: names, with schema and database or not, and * for any letters.", "-s"),
    words("exclude", "Which not, in the same words."),
    click.option("--drop", is_flag=True, default=None, help="Write each to a file in .eltbuild/archive, then drop it."),
    click.option("--kept", is_flag=True, default=None,
                 help="With --drop: also those put aside when the project took over, and rows that failed an audit."),
    click.option("--restore", metavar="FILE", default=None, help="Make again what was dropped, from its file."),
    click.option("--output", type=click.Choice(["text", "json"]), default=None, help="How to print."),
    SHARED[1],
)  # fmt: skip
PUBLISH: Sequence[Decorator] = (
    click.option("--publish", type=click.Choice(["immediate", "audited", "run"]), envvar=names("publish"), default=None,
                 help="When readers see what is built: at once, once its tests have passed, or all of it together."),
)  # fmt: skip
EMPTY: Sequence[Decorator] = (
    flag("empty", "Build with no rows, to check that everything fits."),
    value("sample", "Only the rows of a span of time: '3 days', or '{start: ..., end: ...}'."),
    value("event-time-start", "The first time of the batches to build."),
    value("event-time-end", "The time before which the batches to build end."),
)
UNIT: Sequence[Decorator] = (
    click.option("--on-target/--in-memory", default=None, envvar=names("on-target"),
                 help="Where unit tests run: in the warehouse, or in memory without it. [default: in memory]"),
)  # fmt: skip
STORE: Sequence[Decorator] = (
    flag("store-failures", "Keep the failing rows of tests as tables."),
    flag("skip-proven", "Do not ask tests of which the SQL of their model proves that they pass."),
    value("gx-results", "A folder for the results of expectations, as JSON of Great Expectations."),
    flag(
        "gx-data-docs", "Have Great Expectations write its pages on expectations; opened, they load from the network."
    ),
)
OUTPUT: Sequence[Decorator] = (
    click.option("--output", type=click.Choice(["text", "json", "csv"]), default=None, help="How to print."),
)

"""One small project for each way to keep results, and what it must hold after each round. Nothing is run here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import product
from typing import Any

from faults.nouns import OUTSIDE as OUTSIDE
from faults.nouns import SCHEMA as SCHEMA
from faults.nouns import Content as Content
from faults.nouns import Kind as Kind
from faults.nouns import Rows as Rows
from faults.nouns import Watched as Watched
from faults.refused import REFUSED
from faults.world import DAYS, World


def _events(world: World, round: int) -> Content:
    return Counter((row.id, row.day, row.value) for row in world.events(round))


def _model(name: str, config: str, query: str) -> Mapping[str, str]:
    return {f"models/{name}.sql": f"{{{{ config({config}) }}}}\n{query}\n"}


def _incremental(name: str, config: str, new: str, after: Callable[[World, int], Content] = _events) -> Kind:
    query = (
        "select id, day, value, changed from {{ source('src', 'events') }} as e\n"
        f"{{% if is_incremental() %}}where {new}{{% endif %}}"
    )
    files = _model(name, f"materialized='incremental', {config}", query)
    return Kind(
        name=name,
        files=lambda world, round: files,
        watched=(Watched(name=name, columns="id, day, value", after=after),),
    )


CHANGED = "changed > (select max(changed) from {{ this }})"


# Relations made whole


def _built(world: World, round: int, built: int | None = None) -> Content:
    return Counter((*row, round if built is None else built) for row in _events(world, round))


def _table_files(world: World, round: int) -> Mapping[str, str]:
    source = "{{ source('src', 'events') }}"
    return {
        **_model("whole", "materialized='table'", f"select id, day, value, {round} as built from {source}"),
        **_model(
            "over_table", "materialized='view'", f"select id, value, built, {round} as seen from {{{{ ref('whole') }}}}"
        ),
    }


def _over(world: World, table: int, view: int) -> Content:
    return Counter((row.id, row.value, table, view) for row in world.events(table))


def _over_between(world: World, round: int) -> list[Content]:
    rounds = [round - 1, round] if round else [0]
    return [_over(world, table, view) for table, view in product(rounds, rounds)]


TABLE = Kind(
    name="table",
    files=_table_files,
    watched=(
        Watched(name="whole", columns="id, day, value, built", after=_built),
        Watched(
            name="over_table",
            columns="id, value, built, seen",
            after=lambda world, round: _over(world, round, round),
            between=_over_between,
            kind="view",
        ),
        # Somebody else's view, which must outlive every rebuild of the table.
        Watched(name="spy", columns="id, day, value, built", after=_built, kind="view", schema=OUTSIDE, since=1),
    ),
    others=(
        f"create schema if not exists {OUTSIDE}",
        f"create or replace view {OUTSIDE}.spy as select id, day, value, built from {SCHEMA}.whole",
    ),
)

VIEW = Kind(
    name="view",
    files=lambda world, round: _model(
        "looked",
        "materialized='view'",
        f"select id, day, value, {round} as built from {{{{ source('src', 'events') }}}}",
    ),
    watched=(
        Watched(
            name="looked",
            columns="id, day, value, built",
            after=_built,
            # The old view over the new rows.
            between=lambda world, round: [_built(world, round, round - 1)],
            kind="view",
        ),
    ),
)

MATERIALIZED_VIEW = Kind(
    name="materialized view",
    files=lambda world, round: _model(
        "kept", "materialized='materialized_view'", "select id, day, value from {{ source('src', 'events') }}"
    ),
    watched=(Watched(name="kept", columns="id, day, value", after=_events, kind="materialized_view"),),
    engines=frozenset({"postgres"}),
)

PYTHON = Kind(
    name="python",
    files=lambda world, round: {
        "models/worked.py": (
            "def model(dbt, session):\n    dbt.config(materialized='table')\n    return dbt.source('src', 'events')\n"
        )
    },
    watched=(Watched(name="worked", columns="id, day, value", after=_events),),
)


def _seed_files(world: World, round: int) -> Mapping[str, str]:
    lines = ["id,rate", *(f"{id},{rate}" for id, rate in world.rates(round))]
    return {"seeds/rates.csv": "\n".join(lines) + "\n"}


SEED = Kind(
    name="seed",
    files=_seed_files,
    watched=(Watched(name="rates", columns="id, rate", after=lambda world, round: Counter(world.rates(round))),),
)


# Relations that grow


def _first_seen(world: World, round: int) -> Content:
    """What a model holds that only appends, by a watermark on the id."""
    found: Content = _events(world, 0)
    top = max(row.id or 0 for row in world.events(0))
    for later in range(1, round + 1):
        new = [row for row in world.events(later) if row.id is not None and row.id > top]
        found.update((row.id, row.day, row.value) for row in new)
        top = max([top, *(row.id or 0 for row in new)])
    return found


APPEND = _incremental("append", "incremental_strategy='append'", "id > (select max(id) from {{ this }})", _first_seen)
DELETE_INSERT = _incremental("delete_insert", "incremental_strategy='delete+insert', unique_key='id'", CHANGED)
MERGE = _incremental("merge", "incremental_strategy='merge', unique_key='id'", CHANGED)
INSERT_OVERWRITE = _incremental(
    "insert_overwrite",
    "incremental_strategy='insert_overwrite', partition_by='day'",
    # Whole days, from the day before the newest one that is known.
    "day >= (select max(day) from {{ this }}) - 1",
)


def _batches_between(world: World, round: int) -> list[Content]:
    """Each day as it was, or not there yet, or as it will be."""
    old, new = _events(world, round - 1) if round else Counter(), _events(world, round)
    days = [world.begin + timedelta(days=number) for number in range(DAYS + 1)]
    choices = []
    for day in days:
        was, becomes = (Counter({row: n for row, n in rows.items() if row[1] == day}) for rows in (old, new))
        choices.append([was, becomes] if was != becomes else [was])
    return [sum(chosen, Counter()) for chosen in product(*choices)]


def _microbatch_files(world: World, round: int) -> Mapping[str, str]:
    config = (
        "materialized='incremental', incremental_strategy='microbatch', event_time='happened', batch_size='day', "
        f"begin='{world.begin}', lookback=2"
    )
    query = "select id, day, value, happened from {{ source('src', 'events') }}"
    return _model("sliced", config, query)


MICROBATCH = Kind(
    name="microbatch",
    files=_microbatch_files,
    watched=(Watched(name="sliced", columns="id, day, value", after=_events, partly=_batches_between),),
)


# Snapshots


def _history(world: World, round: int) -> Content:
    """`(id, value, number of the version, whether it is the current one)`."""
    found: Content = Counter()
    for id in range(1, 11 + round):
        rows = {row.changed: row.value for r in range(round + 1) for row in world.items(r) if row.id == id}
        values = [rows[moment] for moment in sorted(rows)]
        stands = any(row.id == id for row in world.items(round))
        for number, value in enumerate(values):
            found[id, value, number, stands and number == len(values) - 1] += 1
    return found


def _versions(rows: Rows) -> Content:
    """Rows of a snapshot as `_history` tells them; a chain of versions that is not one gives rows that never fit."""
    by_id: dict[Any, list[tuple[Any, ...]]] = {}
    for row in rows:
        by_id.setdefault(row[0], []).append(row)
    found: Content = Counter()
    for id, versions in by_id.items():
        versions.sort(key=lambda row: row[2])
        for number, (_, value, _, end, _) in enumerate(versions):
            following = versions[number + 1][2] if number + 1 < len(versions) else None
            found[id, value, number, end is None] += 1
            if following is not None and end != following:
                found["the chain of versions is broken", id, end, following] += 1
    twice = [name for name, count in Counter(row[4] for row in rows).items() if count > 1]
    found.update(("this id of a version stands twice", name) for name in twice)
    return found


def _snapshot(name: str, config: str) -> Kind:
    text = (
        f"snapshots:\n  - name: {name}\n    relation: source('src', 'items')\n"
        f"    config: {{unique_key: id, hard_deletes: invalidate, {config}}}\n"
    )
    columns = "id, value, dbt_valid_from, dbt_valid_to, dbt_scd_id"
    return Kind(
        name=name.replace("_", " "),
        files=lambda world, round: {"snapshots/all.yml": text},
        watched=(Watched(name=name, columns=columns, after=_history, tidy=_versions),),
    )


SNAPSHOT_TIMESTAMP = _snapshot("snapshot_timestamp", "strategy: timestamp, updated_at: changed")
SNAPSHOT_CHECK = _snapshot("snapshot_check", "strategy: check, check_cols: [value]")

# Published once their tests have passed, or together


def _tested(name: str) -> Mapping[str, str]:
    return {f"tests/{name}_is_fine.sql": f"select * from {{{{ ref('{name}') }}}} where day is null"}


def _audited_files(world: World, round: int) -> Mapping[str, str]:
    source = "{{ source('src', 'events') }}"
    return {
        **_model(
            "checked",
            "materialized='table', publish='audited'",
            f"select id, day, value, {round} as built from {source}",
        ),
        **_model(
            "grown",
            "materialized='incremental', incremental_strategy='delete+insert', unique_key='id', publish='audited'",
            f"select id, day, value, changed from {source}\n{{% if is_incremental() %}}where {CHANGED}{{% endif %}}",
        ),
        **_tested("checked"),
        **_tested("grown"),
    }


AUDITED = Kind(
    name="audited",
    files=_audited_files,
    watched=(
        Watched(name="checked", columns="id, day, value, built", after=_built),
        Watched(name="grown", columns="id, day, value", after=_events),
    ),
)


def _run_files(world: World, round: int) -> Mapping[str, str]:
    source = "{{ source('src', 'events') }}"
    first = f"select id, day, value, {round} as built from {source}"
    config = "materialized='incremental', incremental_strategy='append', publish='run'"
    whole = "{{ ref('first_of_all') }}"
    new = "{% if is_incremental() %}having max(built) > (select max(built) from {{ this }}){% endif %}"
    return {
        **_model("first_of_all", "materialized='table', publish='run'", first),
        **_model("counted", config, f"select count(*) as rows_then, max(built) as built from {whole}\n{new}"),
        **_tested("first_of_all"),
    }


def _counted(world: World, round: int) -> Content:
    return Counter((_events(world, each).total(), each) for each in range(round + 1))


def _at_once(world: World, round: int) -> Content:
    return Counter({(round, round): 1})


RUN = Kind(
    name="published together",
    files=_run_files,
    watched=(
        Watched(name="first_of_all", columns="id, day, value, built", after=_built),
        Watched(name="counted", columns="rows_then, built", after=_counted),
        # What somebody else makes of both: never the old one and the new.
        Watched(name="pair", columns="one, other", after=_at_once, kind="view", schema=OUTSIDE, since=1),
    ),
    others=(
        f"create schema if not exists {OUTSIDE}",
        f"create or replace view {OUTSIDE}.pair as select distinct built as one,"
        f" (select max(built) from {SCHEMA}.counted) as other from {SCHEMA}.first_of_all",
    ),
)

SINGLE: tuple[Kind, ...] = (
    TABLE, VIEW, MATERIALIZED_VIEW, APPEND, DELETE_INSERT, MERGE, INSERT_OVERWRITE, MICROBATCH, SNAPSHOT_TIMESTAMP,
    SNAPSHOT_CHECK, SEED, PYTHON,
)  # fmt: skip


MODES: tuple[Kind, ...] = (AUDITED, REFUSED, RUN)
"""Projects that say themselves when they are published."""


def single(engine: str) -> tuple[Kind, ...]:
    """The kinds that an engine has, each in a project of its own."""
    return tuple(kind for kind in SINGLE if engine.split(",")[0] in kind.engines)


def together(engine: str) -> Kind:
    """All kinds that the engine has, in one project, side by side."""
    kinds = single(engine)

    def files(world: World, round: int) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for kind in kinds:
            for path, text in kind.files(world, round).items():
                # Both snapshots stand in a file of this name.
                found[path.replace("all.yml", f"{kind.name.replace(' ', '_')}.yml")] = text
        return found

    watched = tuple(one for kind in kinds for one in kind.watched)
    others = tuple(one for kind in kinds for one in kind.others)
    return Kind(name="all together", files=files, watched=watched, engines=frozenset({engine}), others=others)


def kinds_of(engine: str) -> Mapping[str, Kind]:
    """All projects for an engine, by name."""
    return {kind.name: kind for kind in (*single(engine), *MODES, together(engine))}

"""A project of which an audit refuses something in each round: the rows that failed are kept, and go once one passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from faults.nouns import Content, Kind, Watched
from faults.world import World

SOURCE = "{{ source('src', 'events') }}"
NEW = "{% if is_incremental() %}where changed > (select max(changed) from {{ this }}){% endif %}"


def _model(name: str, config: str, query: str) -> Mapping[str, str]:
    return {
        f"models/{name}.sql": f"{{{{ config(publish='audited', {config}) }}}}\n{query}\n",
        f"tests/{name}_is_fine.sql": f"select * from {{{{ ref('{name}') }}}} where bad",
    }


def _files(world: World, round: int) -> Mapping[str, str]:
    return {
        **_model(
            "stopped", "materialized='table'", f"select id, value, {round} as built, {round} = 1 as bad from {SOURCE}"
        ),
        **_model(
            "grown",
            "materialized='incremental', incremental_strategy='delete+insert', unique_key='id'",
            f"select id, value, changed, {round} = 1 as bad from {SOURCE} {NEW}",
        ),
        **_model(
            "mended", "materialized='table'", f"select id, value, {round} as built, {round} = 0 as bad from {SOURCE}"
        ),
        **_model(
            "shown", "materialized='view'", f"select id, value, {round} as built, {round} = 0 as bad from {SOURCE}"
        ),
    }


NEVER: Content = Counter({("what never stood there",): 1})


def _built(world: World, round: int) -> Content:
    return Counter((row.id, row.value, round) for row in world.events(round))


def _first(world: World, round: int) -> Content:
    return _built(world, 0)


def _later(world: World, round: int) -> Content:
    return _built(world, round) if round else NEVER


def _grown(world: World, round: int) -> Content:
    return Counter((row.id, row.value) for row in world.events(0))


def _not_grown(world: World, round: int) -> Content:
    new = [row for row in world.events(round) if row.changed > world.moment(0)]
    return Counter((row.id, row.value) for row in new) if round else NEVER


BUILT = "id, value, built"

REFUSED = Kind(
    name="refused",
    files=_files,
    code=1,
    watched=(
        # Fine at first, then refused: nobody sees anything of that.
        Watched(name="stopped", columns=BUILT, after=_first),
        Watched(name="stopped__failed", columns=BUILT, after=_later, since=1, lacks=True),
        Watched(name="grown", columns="id, value", after=_grown),
        Watched(name="grown__failed", columns="id, value", after=_not_grown, since=1, lacks=True),
        # Refused at first, then fine.
        Watched(name="mended", columns=BUILT, after=_later, since=1, lacks=True),
        Watched(name="mended__failed", columns=BUILT, after=_first, until=0, lacks=True),
        Watched(name="shown", columns=BUILT, after=_later, since=1, lacks=True, kind="view"),
        Watched(name="shown__failed", columns=BUILT, after=_first, until=0, lacks=True),
    ),
)

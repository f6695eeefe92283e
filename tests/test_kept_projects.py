"""What is remembered between calls never shows: after any edit, a kept project gives what reading it anew gives.

Edits of models are drawn at random (the same in every run), three after each other, so that what is kept is patched
more than once; then the answer, the warnings and the manifest are compared with those of `--no-partial-parse`.
"""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from scenarios.harness import CLOCK
from test_mutations import MUTATIONS, PROJECT, called, plain_environment, written

NUMBER = 30
EDITS = (
    "{{ config(tags=['new']) }}", "{{ config(enabled=false) }}", "{{ config(alias='other') }}",
    "{{ config(schema='x') }}", "-- depends_on: {{ ref('countries') }}", "{{ config(materialized='ephemeral') }}",
    "-- {{ ref('nothing') }}", "{{ config(meta={'a': 1}) }}", "{{ doubled(1) }}", "{{ no_such_macro(1) }}",
    "{{ config(group='no_such_group') }}", "{{ config(access='private') }}", "{{ config(grants={'select': ['x']}) }}",
    "{% if execute %}{{ ref('both') }}{% endif %}", "{{ config(unknown_key=1) }}", "{{ config(materialized='tabel') }}",
    "{{ config(pre_hook='select 1 from {{ ref(\"countries\") }}') }}", "{{ env_var('NOT_SET') }}",
    "-- {{ source('raw', 'countries') }}", "{{ config(contract={'enforced': true}) }}", "{{ ref('report', v=1) }}",
    "{{ var('region') }}", "{{ config(database='x') }}", "{{ config(event_time='day') }}",
)  # fmt: skip


def edited(root: Path, good: Path, dice: random.Random) -> str:
    """Change a model of the project; what was done."""
    path = dice.choice(sorted((root / "models").rglob("*.sql")))
    before = path.read_text(encoding="utf-8", errors="replace")
    original = (good / path.relative_to(root)).read_text(encoding="utf-8")
    kind = dice.random()
    if kind < 0.75:
        edit = dice.choice(EDITS)
        text = f"{edit}\n{dice.choice([before, original])}"
    elif kind < 0.85:
        edit, text = "as it was", original
    else:
        mutation = dice.choice(MUTATIONS)
        edit, text = mutation.__name__, mutation(dice, before or " ")
    path.write_text(text, encoding="utf-8", errors="replace")
    return f"{path.name}: {edit}"


def answer(root: Path, *flags: str) -> tuple[int, list[str], Any]:
    """Exit code, lines, and manifest of `parse`, without what tells of time or of the cache itself."""
    manifest = root / "target" / "manifest.json"
    manifest.unlink(missing_ok=True)
    code, printed = called("parse", *flags, "--project-dir", str(root))
    lines = [CLOCK.sub("", line).removesuffix(" (unchanged)") for line in printed.splitlines()]
    return code, lines, timeless(json.loads(manifest.read_text(encoding="utf-8"))) if manifest.exists() else None


def timeless(value: Any) -> Any:
    """A manifest without the times of this call."""
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key not in ("created_at", "metadata")}
    return [timeless(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(PROJECT, tmp_path_factory.mktemp("good") / "project")


@pytest.mark.parametrize("number", range(NUMBER))
def test_kept_equals_read_anew(number: int, good: Path, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(good, root)
    dice = random.Random(number)
    done = []
    with plain_environment(tmp_path):
        answer(root)
        for _ in range(3):
            done.append(edited(root, good, dice))
            assert answer(root) == answer(root, "--no-partial-parse"), done

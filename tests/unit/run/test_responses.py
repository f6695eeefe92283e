"""What results say of each kind of node: the words that tools know from dbt."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from eltbuild.adapter import Answer
from eltbuild.run.responses import response_of


@pytest.mark.parametrize(
    ("answer", "response"),
    [
        (Answer(), {"_message": "OK"}),
        (Answer(message="OK", affected=3), {"_message": "OK", "rows_affected": 3}),
        (Answer(message="INSERT 0 3", affected=3), {"_message": "INSERT 0 3", "code": "INSERT", "rows_affected": 3}),
        (Answer(message="CREATE VIEW"), {"_message": "CREATE VIEW", "code": "CREATE VIEW", "rows_affected": -1}),
        (Answer(message="MERGE 0", affected=0), {"_message": "MERGE 0", "code": "MERGE", "rows_affected": 0}),
        (Answer(message="SELECT 1"), {"_message": "SELECT 1", "code": "SELECT", "rows_affected": 1}),
        (Answer(message="made by hand"), {"_message": "made by hand"}),
    ],
)
def test_the_word_of_an_engine(answer, response):
    assert response_of(answer) == response


PROJECT = {
    "dbt_project.yml": "name: shop\non-run-start: ['select 1', 'select 2']\non-run-end: ['select 3']\n",
    "seeds/people.csv": "id\n1\n2\n3\n",
    "models/v.sql": "select id from {{ ref('people') }}",
    "models/i.sql": "{{ config(materialized='incremental') }} select id from {{ ref('people') }}",
    "models/m.sql": (
        "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='at', batch_size='day',"
        " begin=var('first')) }} select cast('2020-01-01' as timestamp) as at"
    ),
    "models/s.yml": (
        "models: [{name: v, columns: [{name: id, data_tests: [not_null, {accepted_values: {arguments: {values: [1]}}}]}"
        "]}]\nexposures: [{name: dash, type: dashboard, owner: {name: x}, depends_on: [ref('v')]}]\n"
    ),
}
WORDS = {
    "operation.shop.shop-on-run-start-0": ("success", "shop.on-run-start.0 passed", {}),
    "operation.shop.shop-on-run-start-1": ("success", "shop.on-run-start.1 passed", {}),
    "operation.shop.shop-on-run-end-0": ("success", "shop.on-run-end.0 passed", {}),
    "exposure.shop.dash": ("no-op", "NO-OP", {}),
    "model.shop.v": ("success", "OK", {"_message": "OK"}),
    "model.shop.i": ("success", "OK", {"_message": "OK", "rows_affected": 3}),
    "not_null": ("pass", None, {"_message": "OK"}),
    "accepted_values": ("fail", "Got 2 results, configured to fail if != 0", {"_message": "OK"}),
    "model.shop.m": ("success", "SUCCESS", None),
}


def test_the_results_of_a_build_say_what_dbt_s_say(tmp_path):
    for path, text in PROJECT.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    first = "{first: '2020-01-01'}"
    command = [sys.executable, "-m", "eltbuild", "build", "--project-dir", str(tmp_path), "--vars", first]
    window = ["--event-time-start", "2020-01-01", "--event-time-end", "2020-01-02"]
    for flags, seeded in (((), "INSERT 3"), (("--full-refresh",), "CREATE 3")):
        subprocess.run([*command, *window, *flags], capture_output=True, check=False)
        results = json.loads((tmp_path / "target/run_results.json").read_text())["results"]
        found = {}
        for one in results:
            kind, _, name = one["unique_id"].partition(".shop.")
            id = one["unique_id"] if kind != "test" else name.partition("_v_")[0]
            found[id] = (one["status"], one["message"], one["adapter_response"])
        code, _, rows = seeded.partition(" ")
        seed = ("success", seeded, {"_message": seeded, "code": code, "rows_affected": int(rows)})
        assert found.pop("seed.shop.people") == seed
        found["model.shop.m"] = (*found["model.shop.m"][:2], None)
        assert found == WORDS

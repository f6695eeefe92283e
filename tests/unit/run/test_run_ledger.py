"""What a run notes of its nodes: which are done by one record, and whose slices are whose."""

from __future__ import annotations

from typing import Any

import pytest

from eltbuild.project.resources import Node
from eltbuild.run.ledger.run_ledger import is_in_parts


@pytest.mark.parametrize(
    ("config", "parts"),
    [
        ({"materialized": "incremental", "incremental_strategy": "microbatch"}, True),
        # The strategy comes from the configs of a folder, and means nothing to a view or a table.
        ({"materialized": "view", "incremental_strategy": "microbatch"}, False),
        ({"materialized": "table", "incremental_strategy": "microbatch"}, False),
        ({"materialized": "incremental", "incremental_strategy": "append"}, False),
        ({"materialized": "table", "post-hook": [{"sql": "select 1", "transaction": False}]}, True),
        ({"materialized": "table", "post-hook": [{"sql": "select 1"}]}, False),
    ],
)
def test_which_nodes_are_done_in_more_than_one_transaction(config: dict[str, Any], parts: bool) -> None:
    node = Node(
        id="model.shop.a", resource_type="model", name="a", package="shop", path="a.sql", original_path="models/a.sql",
        fqn=("shop", "a"), config=config,
    )  # fmt: skip
    assert is_in_parts(node) is parts

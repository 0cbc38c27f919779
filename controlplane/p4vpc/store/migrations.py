# SPDX-License-Identifier: Apache-2.0
"""Bringing a database that an older p4vpc has written to today's schema.

Each step is SQL as it was right when it was written, in the dialect that SQLite and PostgreSQL share; it is never
changed afterwards. All steps and the new version number are one transaction: a database is of one version or another.
ADR 18.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, insert, inspect, select, update

from p4vpc.errors import StoreError
from p4vpc.store import schema

STEPS: Mapping[int, Sequence[str]] = {
    1: (
        "CREATE TABLE tokens (name TEXT NOT NULL, digest TEXT NOT NULL, role TEXT NOT NULL, tenant TEXT, "
        "created_us BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_us BIGINT, revoked_by TEXT, "
        "PRIMARY KEY (name), UNIQUE (digest))",
    ),
    2: (
        "CREATE TABLE identifier_changes (revision BIGINT NOT NULL, pool TEXT NOT NULL, owner TEXT NOT NULL, "
        "number BIGINT, PRIMARY KEY (revision, pool, owner))",
        "CREATE TABLE controllers (name TEXT NOT NULL, instance TEXT NOT NULL, url TEXT NOT NULL, "
        "number BIGINT NOT NULL, expires_us BIGINT NOT NULL, compiled_revision BIGINT NOT NULL, "
        "down_links TEXT NOT NULL, PRIMARY KEY (name))",
        "CREATE TABLE leases (switch TEXT NOT NULL, owner TEXT, epoch BIGINT NOT NULL, "
        "is_unreachable INTEGER NOT NULL, PRIMARY KEY (switch))",
        "CREATE TABLE reports (switch TEXT NOT NULL, controller TEXT NOT NULL, serial BIGINT NOT NULL, "
        "body TEXT NOT NULL, PRIMARY KEY (switch))",
        "CREATE INDEX reports_serial ON reports (serial)",
    ),
    3: (
        "ALTER TABLE controllers ADD COLUMN tiers TEXT NOT NULL DEFAULT '{}'",
        "CREATE TABLE rollout_turn (id INTEGER NOT NULL, switch TEXT NOT NULL, revision BIGINT NOT NULL, "
        "failure TEXT NOT NULL, PRIMARY KEY (id))",
    ),
}
"""By the version that they start from, the statements that lead to the next one."""


def bring_up_to_date(connection: Connection, shown_url: str) -> None:
    """Create the schema, or migrate it; StoreError if a newer p4vpc has written the database."""
    if not inspect(connection).has_table(schema.schema_info.name):
        schema.metadata.create_all(connection)
        connection.execute(insert(schema.schema_info).values(version=schema.SCHEMA_VERSION))
        return
    version: int = connection.execute(select(schema.schema_info.c.version)).scalar_one()
    if not min(STEPS) <= version <= schema.SCHEMA_VERSION:
        raise StoreError(
            f"{shown_url} has schema version {version}, this p4vpc knows versions {min(STEPS)} to "
            f"{schema.SCHEMA_VERSION}: use the p4vpc that wrote it"
        )
    for step in range(version, schema.SCHEMA_VERSION):
        for statement in STEPS[step]:
            connection.exec_driver_sql(statement)
    connection.execute(update(schema.schema_info).values(version=schema.SCHEMA_VERSION))

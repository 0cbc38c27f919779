# SPDX-License-Identifier: Apache-2.0
"""The database's tables."""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text

SCHEMA_VERSION = 4
"""To be raised with every change below, together with a step in `migrations`."""

metadata = MetaData()

schema_info = Table("schema_info", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

objects = Table(
    "objects",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("body", Text, nullable=False, doc="the document as JSON"),
    Column("revision", BigInteger, nullable=False, doc="of the last change"),
    Column("created", BigInteger, nullable=False, doc="revision of the first change"),
)

revisions = Table(
    "revisions",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("time_us", BigInteger, nullable=False, doc="microseconds since 1970, UTC"),
    Column("who", Text, nullable=False),
    Column("summary", Text, nullable=False),
)

changes = Table(
    "changes",
    metadata,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("before", Text, doc="JSON; NULL when the object was created"),
    Column("after", Text, doc="JSON; NULL when the object was deleted"),
    Index("changes_of_object", "kind", "key", "revision"),
)

identifiers = Table(
    "identifiers",
    metadata,
    Column("pool", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("owner", Text, nullable=False),
    Column("allocated", BigInteger, nullable=False, doc="revision"),
    Column("retired", BigInteger, doc="revision; NULL while the owner needs it"),
    Index("identifiers_of_owner", "pool", "owner"),
    Index("identifiers_retired", "retired"),
)

identifier_changes = Table(
    "identifier_changes",
    metadata,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("pool", Text, primary_key=True),
    Column("owner", Text, primary_key=True),
    Column("number", BigInteger, doc="NULL when it was retired"),
)

acknowledged = Table(
    "acknowledged",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, doc="1: there is one row"),
    Column("revision", BigInteger, nullable=False, doc="the last that every switch has realised"),
)

election_ids = Table(
    "election_ids",
    metadata,
    Column("switch", Text, primary_key=True),
    Column("last", BigInteger, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("name", Text, primary_key=True, doc="never given twice: the audit log names it"),
    Column("digest", Text, nullable=False, unique=True, doc="SHA-256 of the secret, in hexadecimal"),
    Column("role", Text, nullable=False),
    Column("tenant", Text, doc="NULL: an operator's"),
    Column("created_us", BigInteger, nullable=False, doc="microseconds since 1970, UTC"),
    Column("created_by", Text, nullable=False),
    Column("revoked_us", BigInteger, doc="NULL while it is good"),
    Column("revoked_by", Text),
)

controllers = Table(
    "controllers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("instance", Text, nullable=False, doc="of the process; another one of this name has replaced it"),
    Column("url", Text, nullable=False, doc="of its API"),
    Column("number", BigInteger, nullable=False, doc="of this process among all; part of its election ids"),
    Column("expires_us", BigInteger, nullable=False, doc="by the database's clock"),
    Column("compiled_revision", BigInteger, nullable=False, doc="the last that its switches were given"),
    Column("down_links", Text, nullable=False, doc="JSON: keys of the links that it has evidence against"),
    Column("tiers", Text, nullable=False, server_default="{}", doc="JSON: of each tier, the links it goes round"),
)

leases = Table(
    "leases",
    metadata,
    Column("switch", Text, primary_key=True),
    Column("owner", Text, doc="name of the controller; NULL: given up"),
    Column("epoch", BigInteger, nullable=False, doc="the owner's election id; grows with every owner"),
    Column("is_unreachable", Integer, nullable=False, doc="1: the owner has no session, whoever has one may take it"),
)

rollout_turn = Table(
    "rollout_turn",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, doc="1: at most one switch has its turn"),
    Column("switch", Text, nullable=False, doc="it may be given another pipeline than it runs"),
    Column("revision", BigInteger, nullable=False, doc="of the intent that had this switch"),
    Column("failure", Text, nullable=False, doc="why it does not go on; empty if nothing is wrong"),
)

reports = Table(
    "reports",
    metadata,
    Column("switch", Text, primary_key=True),
    Column("controller", Text, nullable=False),
    Column("serial", BigInteger, nullable=False, doc="grows with every report of any switch"),
    Column("body", Text, nullable=False, doc="its status as JSON"),
    Index("reports_serial", "serial"),
)

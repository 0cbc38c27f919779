# SPDX-License-Identifier: Apache-2.0
"""How things were: no change is ever forgotten, so what a VPC was at any revision can be read."""

from collections.abc import Sequence

from sqlalchemy import Connection, Row, and_, func, or_, select

from p4vpc.intent import KINDS, VpcMember
from p4vpc.store.schema import changes

_MEMBERS = tuple(kind for kind, intent in KINDS.items() if issubclass(intent, VpcMember))


def read_vpc_at(
    connection: Connection, vpc: str, revision: int
) -> Sequence[Row[tuple[int, str, str, str | None, str | None]]]:
    """Return the last changes until `revision` of a VPC and of all that was in it, but for what was deleted then."""
    table = changes.c
    is_of_vpc = or_(
        and_(table.kind == "vpc", table.key == vpc),
        and_(table.kind.in_(_MEMBERS), table.key.startswith(f"{vpc}/", autoescape=True)),
    )
    last = (
        select(table.kind, table.key, func.max(table.revision).label("revision"))
        .where(is_of_vpc, table.revision <= revision)
        .group_by(table.kind, table.key)
        .subquery()
    )
    is_last = and_(table.kind == last.c.kind, table.key == last.c.key, table.revision == last.c.revision)
    query = select(changes).join(last, is_last).where(table.after.is_not(None)).order_by(table.kind, table.key)
    return connection.execute(query).all()

# SPDX-License-Identifier: Apache-2.0
"""The audit log: who has changed what, when. It is the history of changes itself, so it can neither lag nor lie."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, or_, select

from p4vpc.intent import KINDS
from p4vpc.store.schema import changes, revisions, tokens
from p4vpc.store.times import us_of
from p4vpc.store.types import AuditQuery

_OF_TENANTS = tuple(kind for kind, intent in KINDS.items() if "tenant" in intent.name_fields)
_ROWS_PER_QUERY = 400


def read_commits(
    connection: Connection, query: AuditQuery, limit: int
) -> Sequence[Row[tuple[int, int, str, str, str | None]]]:
    """Return the commits that match, newest first."""
    wanted = []
    if query.before_revision is not None:
        wanted.append(revisions.c.number < query.before_revision)
    if query.since is not None:
        wanted.append(revisions.c.time_us >= us_of(query.since))
    if query.until is not None:
        wanted.append(revisions.c.time_us < us_of(query.until))
    if query.who is not None:
        wanted.append(revisions.c.who == query.who)
    if (of_objects := _of_objects(query)) is not None:
        wanted.append(exists().where(changes.c.revision == revisions.c.number, of_objects))
    found = select(revisions, tokens.c.tenant).outerjoin(tokens, tokens.c.name == revisions.c.who)
    return connection.execute(found.where(*wanted).order_by(revisions.c.number.desc()).limit(limit)).all()


def read_changes(
    connection: Connection, query: AuditQuery, numbers: Sequence[int]
) -> Sequence[Row[tuple[int, str, str, str | None, str | None]]]:
    """Return the changes of those commits that match."""
    of_objects = _of_objects(query)
    found: list[Row[tuple[int, str, str, str | None, str | None]]] = []
    for start in range(0, len(numbers), _ROWS_PER_QUERY):
        some = select(changes).where(changes.c.revision.in_(numbers[start : start + _ROWS_PER_QUERY]))
        if of_objects is not None:
            some = some.where(of_objects)
        found += connection.execute(some)
    return found


def _of_objects(query: AuditQuery) -> ColumnElement[bool] | None:
    wanted: list[ColumnElement[bool]] = []
    if query.kind is not None:
        wanted.append(changes.c.kind == query.kind)
    if query.key is not None:
        wanted.append(changes.c.key == query.key)
    if query.tenant is not None:
        itself = and_(changes.c.kind == "tenant", changes.c.key == query.tenant)
        its_own = changes.c.key.startswith(f"{query.tenant}/", autoescape=True)
        wanted.append(or_(itself, and_(changes.c.kind.in_(_OF_TENANTS), its_own)))
    return and_(*wanted) if wanted else None

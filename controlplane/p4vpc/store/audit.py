# SPDX-License-Identifier: Apache-2.0
"""The audit log: who has changed what, when. It is the history of changes itself, so it can neither lag nor lie.

Tokens are no objects and make no revisions. The table of tokens says who has made and who has revoked each of them, and
a token is never removed, so the log tells that from there, after the commit that came before.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, func, or_, select

from p4vpc.intent import KINDS
from p4vpc.store.schema import changes, revisions, tokens
from p4vpc.store.times import time_of, us_of
from p4vpc.store.tokens import every as every_token
from p4vpc.store.types import AuditPosition, AuditQuery, AuditRecord, RevisionRecord, TokenEvent

TOKEN = "token"
"""What a query calls tokens, as if they were a kind of objects."""

_OF_TENANTS = tuple(kind for kind, intent in KINDS.items() if "tenant" in intent.name_fields)
_ROWS_PER_QUERY = 400


def read_commits(
    connection: Connection, query: AuditQuery, limit: int
) -> Sequence[Row[tuple[int, int, str, str, str | None]]]:
    """Return the commits that match, newest first."""
    wanted = []
    if query.before is not None:
        is_commit = query.before.time_us == 0
        last = query.before.revision
        wanted.append(revisions.c.number < last if is_commit else revisions.c.number <= last)
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


def read_token_events(connection: Connection, query: AuditQuery, limit: int) -> Sequence[AuditRecord]:
    """Return what was done to tokens, as far as it matches, newest first."""
    if not query.is_with_tokens or query.kind not in (None, TOKEN):
        return []
    found = []
    for token in every_token(connection):
        if query.key not in (None, token.name) or query.tenant not in (None, token.tenant):
            continue
        ends = ((token.created, token.created_by, False), (token.revoked, token.revoked_by, True))
        for time, who, is_end in ends:
            is_wanted = (
                time is not None
                and query.who in (None, who)
                and (query.since is None or time >= query.since)
                and (query.until is None or time < query.until)
            )
            if time is not None and is_wanted:
                found.append((us_of(time), token, who or "", is_end))
    found.sort(key=lambda event: (event[0], event[1].name, event[3]), reverse=True)
    records = []
    for time_us, token, who, is_end in found:
        position = AuditPosition(_last_before(connection, time_us), time_us, token.name, is_end)
        if query.before is None or position < query.before:
            summary = f"{'revoke' if is_end else 'create'} token {token.name}"
            record = RevisionRecord(position.revision, time_of(time_us), who, summary)
            records.append(AuditRecord(position, record, None, (), TokenEvent(token, is_end)))
        if len(records) == limit:
            break
    return records


def _last_before(connection: Connection, time_us: int) -> int:
    """Return the last revision that was there at a time; by bisection, as their times are not indexed."""
    low, high = 0, connection.execute(select(func.max(revisions.c.number))).scalar() or 0
    while low < high:
        middle = (low + high + 1) // 2
        made: int | None = connection.execute(select(revisions.c.time_us).where(revisions.c.number == middle)).scalar()
        if made is not None and made <= time_us:
            low = middle
        else:
            high = middle - 1
    return low


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

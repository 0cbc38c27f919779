# SPDX-License-Identifier: Apache-2.0
"""Which ports have left a switch that not every other switch knows of.

The history of changes says who left where. How much of it every switch has realised is kept beside it, so that a
controller that starts in the middle of a move goes on with it, and does not begin again with those of long ago.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, Row, insert, select, update

from p4vpc.intent import Port, SwitchAttachment
from p4vpc.store.schema import acknowledged, changes
from p4vpc.store.types import ChangeRecord, Departure

_ONLY_ROW = 1


def acknowledge(connection: Connection, revision: int) -> None:
    """Keep that every switch has realised `revision`. It never goes back."""
    last: int | None = connection.execute(select(acknowledged.c.revision)).scalar()
    if last is None:
        connection.execute(insert(acknowledged).values(id=_ONLY_ROW, revision=revision))
    elif last < revision:
        connection.execute(update(acknowledged).values(revision=revision))


def last_acknowledged(connection: Connection) -> int:
    """Return the last revision that every switch has realised; 0 if there was none."""
    last: int | None = connection.execute(select(acknowledged.c.revision)).scalar()
    return last or 0


def read_changed_ports(
    connection: Connection, since: int
) -> Sequence[Row[tuple[int, str, str, str | None, str | None]]]:
    """Return the changes of ports that were there before and after, of the commits after `since`, in order."""
    table = changes.c
    # Not the column itself: SQLite would take the index of objects, and look at every port's whole history.
    is_port = table.kind.concat("") == "port"
    query = select(changes).where(table.revision > since, is_port, table.before.is_not(None), table.after.is_not(None))
    return connection.execute(query).all()


def departure_in(change: ChangeRecord) -> Departure | None:
    """Return which switch the port has left by this change, if any."""
    before, after = _switch(change.before), _switch(change.after)
    return None if before is None or before == after else Departure(change.id, before, change.revision)


def _switch(port: object) -> str | None:
    match port:
        case Port(attachment=SwitchAttachment(switch=switch)):
            return switch
    return None

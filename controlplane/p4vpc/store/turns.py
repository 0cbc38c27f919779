# SPDX-License-Identifier: Apache-2.0
"""Whose turn it is in the roll-out of a pipeline, in the database: one switch of the whole fabric. docs/adr/0029.

The turn is the switch's, not its owner's: whoever takes the switch over takes the turn with it. It lasts until the
owner says that the switch is done, or until the switch is no more.
"""

from collections.abc import Container

from sqlalchemy import Connection, delete, insert, select, update

from p4vpc.store.schema import controllers, leases, rollout_turn
from p4vpc.store.types import Registration, Turn

_ONLY = 1


def read(connection: Connection) -> Turn | None:
    """Return whose turn it is; None: nobody's."""
    row = connection.execute(select(rollout_turn)).one_or_none()
    return None if row is None else Turn(row.switch, row.failure)


def take(
    connection: Connection, me: Registration, switch: str, revision: int, switches: Container[str]
) -> tuple[Turn | None, bool]:
    """Give the turn to an owner's switch if nobody has it; return whose it is then, and whether that is new."""
    row = connection.execute(select(rollout_turn)).one_or_none()
    if row is not None and (row.switch in switches or row.revision > revision):
        return Turn(row.switch, row.failure), False
    if not _owns(connection, me, switch):
        return read(connection), False
    connection.execute(delete(rollout_turn))
    connection.execute(insert(rollout_turn).values(id=_ONLY, switch=switch, revision=revision, failure=""))
    return Turn(switch), True


def end(connection: Connection, me: Registration, switch: str, failure: str) -> bool:
    """Keep why an owner's switch is not done, or end its turn if `failure` is empty; whether it had the turn."""
    if not _owns(connection, me, switch):
        return False
    is_it = rollout_turn.c.switch == switch
    statement = (
        update(rollout_turn).where(is_it).values(failure=failure) if failure else delete(rollout_turn).where(is_it)
    )
    return bool(connection.execute(statement).rowcount)


def _owns(connection: Connection, me: Registration, switch: str) -> bool:
    """Whether this process owns the switch: neither another controller does, nor a later process of its name."""
    owner = select(leases.c.owner).where(leases.c.switch == switch).scalar_subquery()
    wanted = select(controllers.c.name).where(controllers.c.name == owner, controllers.c.instance == me.instance)
    return connection.execute(wanted).scalar_one_or_none() == me.name

# SPDX-License-Identifier: Apache-2.0
"""Who owns which switch, in the database. docs/adr/0021.

A lease holds as long as its owner's registration, which the owner renews: one row, however many switches it has. Time
is the database's. Whoever takes a switch gets an epoch that no owner has had before; it is the upper half of the
election id, so the switch itself refuses whoever has an older one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from sqlalchemy import Connection, Update, delete, func, insert, select, update

from p4vpc.errors import StoreError
from p4vpc.store import turns
from p4vpc.store.schema import controllers, election_ids, leases
from p4vpc.store.schema import reports as reports_table
from p4vpc.store.types import Lease, LeaseChanges, LeaseTable, Member, Progress, Registration, Report

Decide: TypeAlias = Callable[[LeaseTable], LeaseChanges]
"""What a controller does, by what the table is like."""

_NUMBERS = ""
"""Row of the election ids from which controllers are numbered: no switch has this name."""

_FORGET_AFTER_US = 3600 * 1_000_000
"""How long a controller that has ended without a word is remembered."""


class ReplacedError(StoreError):
    """Another process has registered with this controller's name."""


class ForgottenError(StoreError):
    """The controller has said nothing for so long that its registration is gone."""


def next_epoch(connection: Connection, switch: str, above: int = 0) -> int:
    """Return a number for `switch` greater than `above` and all before."""
    last: int | None = connection.execute(select(election_ids.c.last).where(election_ids.c.switch == switch)).scalar()
    number = max(last or 0, above) + 1
    if last is None:
        connection.execute(insert(election_ids).values(switch=switch, last=number))
    else:
        connection.execute(update(election_ids).where(election_ids.c.switch == switch).values(last=number))
    return number


def join(connection: Connection, now_us: int, me: Registration, url: str, ttl_seconds: float) -> int:
    """Register; whoever had the name has it no more. The leases of that name are to be taken again, with new epochs."""
    number = next_epoch(connection, _NUMBERS)
    connection.execute(delete(controllers).where(controllers.c.name == me.name))
    connection.execute(delete(controllers).where(controllers.c.expires_us < now_us - _FORGET_AFTER_US))
    connection.execute(
        insert(controllers).values(
            name=me.name,
            instance=me.instance,
            url=url,
            number=number,
            expires_us=now_us + round(ttl_seconds * 1_000_000),
            compiled_revision=0,
            down_links="[]",
        )
    )
    connection.execute(update(leases).where(leases.c.owner == me.name).values(owner=None))
    return number


def renew(
    connection: Connection, now_us: int, me: Registration, ttl_seconds: float, decide: Decide
) -> tuple[LeaseTable, bool]:
    """Renew the registration, decide, take and give; return the table, and whether others want to know."""
    before = read(connection, now_us)
    known, name = before.members.get(me.name), me.name
    if known is None:
        raise ForgottenError("this controller is not registered any more")
    if known.instance != me.instance:
        raise ReplacedError("another process has registered as this controller: give each a name of its own")
    expires_us = now_us + round(ttl_seconds * 1_000_000)
    connection.execute(update(controllers).where(controllers.c.name == name).values(expires_us=expires_us))
    table = read(connection, now_us)
    changes = decide(table)
    for switch in changes.take:
        row = {"owner": name, "epoch": next_epoch(connection, switch), "is_unreachable": 0}
        if switch in table.leases:
            connection.execute(update(leases).where(leases.c.switch == switch).values(**row))
        else:
            connection.execute(insert(leases).values(switch=switch, **row))
    for switch in changes.give:
        connection.execute(_own(name, switch).values(owner=None))
    for switch, is_unreachable in changes.mark.items():
        connection.execute(_own(name, switch).values(is_unreachable=int(is_unreachable)))
    for switch in changes.forget:
        connection.execute(delete(leases).where(leases.c.switch == switch, leases.c.owner == name))
        connection.execute(delete(reports_table).where(reports_table.c.switch == switch))
    is_news = any((not known.is_live, changes.take, changes.give, changes.mark, changes.forget))
    return read(connection, now_us), is_news


def raise_epoch(connection: Connection, me: Registration, switch: str, above: int) -> int | None:
    """Give the owner a new epoch, greater than `above`; None if it is not the owner."""
    epoch = next_epoch(connection, switch, above)
    return epoch if connection.execute(_own(me.name, switch).values(epoch=epoch)).rowcount else None


def leave(connection: Connection, me: Registration) -> None:
    """Give up everything, unless another process has the name by now."""
    gone = connection.execute(
        delete(controllers).where(controllers.c.name == me.name, controllers.c.instance == me.instance)
    )
    if gone.rowcount:
        connection.execute(update(leases).where(leases.c.owner == me.name).values(owner=None))


def read(connection: Connection, now_us: int) -> LeaseTable:
    """Return the table as it is."""
    members = {
        row.name: Member(
            row.name,
            row.instance,
            row.url,
            row.expires_us > now_us,
            row.compiled_revision,
            frozenset(json.loads(row.down_links)),
            {int(tier): frozenset(links) for tier, links in json.loads(row.tiers).items()},
        )
        for row in connection.execute(select(controllers))
    }
    held = {
        row.switch: Lease(row.owner, row.epoch, bool(row.is_unreachable)) for row in connection.execute(select(leases))
    }
    return LeaseTable(members, held, turns.read(connection))


def report(connection: Connection, me: Registration, progress: Progress, bodies: Mapping[str, str]) -> None:
    """Keep how far a controller and its switches are."""
    where = (controllers.c.name == me.name, controllers.c.instance == me.instance)
    values = {
        "compiled_revision": progress.revision,
        "down_links": json.dumps(sorted(progress.down_links)),
        "tiers": json.dumps({tier: sorted(links) for tier, links in progress.tiers.items()}),
    }
    done = connection.execute(update(controllers).where(*where).values(**values))
    if not done.rowcount:
        raise ForgottenError("this controller is not registered")
    owned = set(connection.execute(select(leases.c.switch).where(leases.c.owner == me.name)).scalars())
    told = sorted(bodies.keys() & owned)
    if not told:
        return
    last: int | None = connection.execute(select(func.max(reports_table.c.serial))).scalar()
    serial = (last or 0) + 1
    connection.execute(delete(reports_table).where(reports_table.c.switch.in_(told)))
    rows = [{"switch": switch, "controller": me.name, "serial": serial, "body": bodies[switch]} for switch in told]
    connection.execute(insert(reports_table), rows)


def reports(connection: Connection, after: int) -> Sequence[Report]:
    """Return those of later serials."""
    rows = connection.execute(select(reports_table).where(reports_table.c.serial > after))
    return [Report(row.switch, row.controller, row.serial, row.body) for row in rows]


def _own(name: str, switch: str) -> Update:
    return update(leases).where(leases.c.switch == switch, leases.c.owner == name)

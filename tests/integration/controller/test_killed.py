# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random points while clients commit through the REST API.

What was acknowledged is there, what was not is there as a whole or not at all, and the audit log says which. With
P4VPC_KILL_ROUNDS=200 in the environment it goes on for so many rounds.
"""

import os
import random
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from p4vpc.client import Client, UnreachableError
from p4vpc.intent import Intent, ObjectId, Port, SecurityGroup, Subnet, Tenant, Vpc, from_document
from tests.integration.controller.conftest import ServeProcess

ROUNDS = int(os.environ.get("P4VPC_KILL_ROUNDS", "20"))
WRITERS = 3
SECONDS_PER_ROUND = 20
LONGEST_LIFE_SECONDS = 0.4

Documents = Mapping[ObjectId, Mapping[str, object]]
Edits = frozenset[tuple[str, str, str]]
"""Operation, kind and key of everything that a commit changes."""


@dataclass(frozen=True)
class Request:
    """What a writer has asked for: objects put, or deleted, all or none."""

    puts: Sequence[Intent] = ()
    deletes: Sequence[ObjectId] = ()

    def send(self, client: Client) -> int:
        """Return the revision that is acknowledged."""
        return (client.apply(self.puts) if self.puts else client.delete(self.deletes)).revision

    def after(self, before: Documents) -> Documents:
        kept = {key: document for key, document in before.items() if key not in self.deletes}
        return {**kept, **{intent.id: intent.document() for intent in self.puts}}

    def edits(self, before: Documents) -> Edits:
        puts = {("update" if it.id in before else "create", it.id.kind, it.id.key) for it in self.puts}
        return frozenset(puts | {("delete", it.kind, it.key) for it in self.deletes})


def network(tenant: str, number: int) -> list[Intent]:
    """A VPC with everything in it."""
    name = f"v{number}"
    objects: list[Intent] = [
        Vpc(tenant=tenant, name=name),
        Subnet.model_validate({"tenant": tenant, "vpc": name, "name": "web", "ipv4": "10.0.1.0/24"}),
        SecurityGroup(tenant=tenant, vpc=name, name="open"),
    ]
    for address in (11, 12, 13):
        document = {"kind": "port", "tenant": tenant, "vpc": name, "name": f"p{address}", "subnet": "web"}
        more = {"mac": f"02:00:00:00:00:{address}", "addresses": [f"10.0.1.{address}"], "security_groups": ["open"]}
        port = from_document({**document, **more})
        assert isinstance(port, Port)
        objects.append(port)
    return objects


@dataclass
class Writer:
    """A client that commits one thing after the other for a tenant of its own, until nobody answers.

    Attributes:
        known: what is certainly there: everything that was acknowledged, and what was found after a restart.
        acknowledged: the commits of this round, by revision.
        pending: what was asked for and not answered.
    """

    tenant: str
    known: Documents = field(default_factory=dict)
    number: int = 0
    acknowledged: dict[int, Edits] = field(default_factory=dict)
    pending: Request | None = None

    def next_request(self) -> Request:
        tenant = Tenant(name=self.tenant, description=str(self.number))
        vpcs = [key for key in self.known if key.kind == "vpc"]
        match self.number % 3:
            case 0:
                return Request(puts=[tenant, *network(self.tenant, self.number)])
            case 1 if vpcs:
                gone = f"{random.choice(vpcs).key}/"
                within = [key for key in self.known if f"{key.key}/".startswith(gone)]
                return Request(deletes=within)
            case _:
                return Request(puts=[tenant])

    def run(self, url: str, token: str, started: threading.Event) -> None:
        with Client(url, token=token) as client:
            while True:
                self.number += 1
                request = self.next_request()
                if not request.puts and not request.deletes:
                    continue
                self.pending = request
                try:
                    revision = request.send(client)
                except UnreachableError:
                    return
                self.acknowledged[revision] = request.edits(self.known)
                self.known = request.after(self.known)
                self.pending = None
                started.set()


def held(client: Client, tenant: str) -> Documents:
    """What the controller says that the tenant has."""
    found: dict[ObjectId, Mapping[str, object]] = {}
    for kind in ("tenant", "vpc", "subnet", "security_group", "port"):
        for document in client.list(kind, tenant=tenant):
            intent = from_document(dict(document))
            found[intent.id] = intent.document()
    return found


def audited(client: Client, beyond: int, most: int) -> dict[int, Edits]:
    """What the audit log says of the commits after a revision; there are not more than `most`."""
    found: dict[int, Edits] = {}
    for item in client.audit(limit=most + 1):
        if item.revision <= beyond:
            break
        found[item.revision] = frozenset((change.operation, change.kind, change.key) for change in item.changes)
    return found


@dataclass
class Figures:
    acknowledged: int = 0
    unanswered: int = 0
    unanswered_yet_done: int = 0


def check(client: Client, writers: Sequence[Writer], beyond: int, figures: Figures) -> int:
    """Compare what was acknowledged with what is there; return the last revision."""
    log = audited(client, beyond, sum(len(writer.acknowledged) + 1 for writer in writers))
    assert sorted(log) == list(range(beyond + 1, beyond + 1 + len(log))), "a revision without an audit record"
    explained: dict[int, Edits] = {}
    for writer in writers:
        explained |= writer.acknowledged
        figures.acknowledged += len(writer.acknowledged)
        found = held(client, writer.tenant)
        if writer.pending is not None and found != writer.known:
            assert found == writer.pending.after(writer.known), f"{writer.tenant}: half of a request was applied"
            edits = writer.pending.edits(writer.known)
            rest = [revision for revision, of in log.items() if of == edits and revision not in explained]
            assert rest, f"{writer.tenant}: {edits} was applied, and nobody has recorded it"
            explained[rest[-1]] = edits
            figures.unanswered_yet_done += 1
        else:
            assert found == writer.known, f"{writer.tenant}: what was acknowledged is not there"
        figures.unanswered += writer.pending is not None
        writer.known, writer.acknowledged, writer.pending = found, {}, None
    assert log == explained
    return max(log, default=beyond)


@pytest.mark.timeout(60 + SECONDS_PER_ROUND * ROUNDS)
def test_nothing_acknowledged_is_lost_and_nothing_is_half_applied(tmp_path: Path) -> None:
    chance = random.Random(4)
    process = ServeProcess(tmp_path)
    writers = [Writer(f"tenant{number}") for number in range(WRITERS)]
    figures, last = Figures(), 0
    process.start()
    token = process.token_file.read_text().strip()
    for number in range(1, ROUNDS + 1):
        started = threading.Event()
        threads = [threading.Thread(target=writer.run, args=(process.url, token, started)) for writer in writers]
        for thread in threads:
            thread.start()
        if chance.random() < 0.8:  # otherwise it may die before the first commit
            assert started.wait(120), process.log()
        time.sleep(chance.random() * LONGEST_LIFE_SECONDS)
        assert process.stop(signal.SIGKILL) == -signal.SIGKILL
        for thread in threads:
            thread.join(60)
        process.start()
        with Client(process.url, token=token) as client:
            last = check(client, writers, last, figures)
        print(f"killed {number} times: {figures}, {last} revisions", flush=True)
    assert process.stop() == os.EX_OK
    assert figures.acknowledged > ROUNDS
    assert figures.unanswered > ROUNDS, "it was killed while requests were under way"

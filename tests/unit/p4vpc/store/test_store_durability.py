# SPDX-License-Identifier: Apache-2.0
"""kill -9 at any point: what was acknowledged is there, what is there is whole."""

import random
import subprocess
import sys

import pytest

from p4vpc.intent import Claim, ClaimId, IdentifierPlan, ObjectId, Tenant, Vpc
from p4vpc.store import Put, Store

OBJECTS_PER_COMMIT = 5
ROUNDS = 6

WRITER = """
import sys
from tests.unit.p4vpc.store.test_store_durability import commit_forever
commit_forever(sys.argv[1])
"""


def commit_forever(url: str) -> None:
    """Commit, and tell each revision once `commit` has returned. Ends by being killed."""
    with Store(url) as store:
        print("ready", store.next_election_id("leaf1"), flush=True)
        while True:
            number = store.revision + 1
            changes = [Put(Tenant(name="counter", description=str(number)))]
            changes += [Put(Vpc(tenant="counter", name=f"v{number}-{i}")) for i in range(OBJECTS_PER_COMMIT)]
            claim = Claim(ClaimId("vrf", f"v{number}"), 1, 0xFFFF, f"vpc {number}")
            plan = IdentifierPlan((claim,), (ClaimId("vrf", f"v{number - 1}"),))
            done = store.commit(changes, "writer", expected_revision=number - 1, identifiers=plan)
            print(done.revision, flush=True)


def run_and_kill(url: str, acknowledgements: int, delay: random.Random) -> tuple[int, int]:
    """Start a writer, kill it some time after a number of acknowledgements; return election id and last revision."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    try:
        election_id = int(writer.stdout.readline().removeprefix("ready "))
        last = 0
        for _ in range(acknowledgements):
            last = int(writer.stdout.readline())
        # Busy, not asleep: lands anywhere inside of the next commits.
        for _ in range(delay.randrange(60_000)):
            pass
    finally:
        writer.kill()
        rest = writer.stdout.read()
        writer.stdout.close()
        writer.wait(30)
    whole_lines = rest[: rest.rfind("\n") + 1].split()
    return election_id, int(whole_lines[-1]) if whole_lines else last


def check(store: Store, acknowledged: int) -> None:
    snapshot = store.snapshot()
    assert snapshot.revision >= acknowledged
    assert [record.number for record in reversed(store.revisions(10**9))] == list(range(1, snapshot.revision + 1))
    if not snapshot.revision:
        return
    counter = snapshot.objects[ObjectId("tenant", "counter")]
    assert counter.revision == snapshot.revision
    assert counter.object == Tenant(name="counter", description=str(snapshot.revision))
    vpcs = {key.key for key in snapshot.objects if key.kind == "vpc"}
    expected = {f"counter/v{n}-{i}" for n in range(1, snapshot.revision + 1) for i in range(OBJECTS_PER_COMMIT)}
    assert vpcs == expected
    assert list(snapshot.identifiers.numbers) == [ClaimId("vrf", f"v{snapshot.revision}")]
    changes = store.changes_since(0)
    assert len(changes) == snapshot.revision * (OBJECTS_PER_COMMIT + 1)


@pytest.mark.timeout(300)
def test_kill_at_random_points(url: str) -> None:
    chance = random.Random(20)
    elections = []
    for _ in range(ROUNDS):
        election_id, acknowledged = run_and_kill(url, chance.randrange(12), chance)
        elections.append(election_id)
        with Store(url) as store:
            check(store, acknowledged)
    assert elections == list(range(1, ROUNDS + 1))

# SPDX-License-Identifier: Apache-2.0
"""What is heard where, and which commit follows from it."""

from collections.abc import AsyncIterator
from ipaddress import ip_address

import pytest

from p4vpc.errors import StoreError
from p4vpc.intent import Mac, ObjectId, Port, load_yaml
from p4vpc.model import build_model
from p4vpc.services import Blocking, DampingOptions, IntentService
from p4vpc.services.announced_moves import AUTHOR, AnnouncedMoves
from p4vpc.services.responder import Announcement, Attachment, Family, ForeignAttachment, LocalAttachment
from p4vpc.store import Put, Store
from tests.unit.p4vpc.model.world import world

PORT = ObjectId("port", "red/prod/web-1")
MAC = Mac.parse("02:00:00:00:01:01")
CANDIDATES = """
kind: port
tenant: red
vpc: prod
name: web-1
subnet: web
mac: 02:00:00:00:01:01
addresses: [10.0.1.11]
security_groups: [web]
attachment: {switch: leaf1, port: 11}
candidates: [{switch: leaf2, port: 40}, {switch: leaf2, port: 41, vlan: 9}]
"""
HOME, FIRST, SECOND = LocalAttachment(11, 0, 1), LocalAttachment(40, 0, 1), LocalAttachment(41, 9, 1)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Heard:
    """Announced moves on a store in memory, with what they follow."""

    def __init__(self, store: Store, intents: IntentService):
        self.store = store
        self.intents = intents
        self.clock = Clock()
        self.moves = AnnouncedMoves(intents, options=DampingOptions(first=1.0, longest=8.0), clock=self.clock)

    def learn_model(self) -> None:
        snapshot = self.store.snapshot()
        self.moves.set_model(build_model(snapshot.intents, snapshot.identifiers, snapshot.revision))

    def announce(self, switch: str, attachment: Attachment, mac: Mac = MAC, address: str | None = None) -> None:
        said = Announcement(mac, None if address is None else ip_address(address), Family.LINK)
        self.moves.hear(switch, attachment, said)

    @property
    def place(self) -> str:
        stored = self.store.get(PORT)
        assert stored is not None and isinstance(stored.object, Port)
        return str(stored.object.attachment)


@pytest.fixture
async def heard() -> AsyncIterator[Heard]:
    with Store("sqlite://") as store:
        blocking = Blocking()
        intents = IntentService(store, blocking)
        await intents.apply([Put(it) for it in world(CANDIDATES)], who="test")
        it = Heard(store, intents)
        it.learn_model()
        yield it
        await blocking.close()


@pytest.mark.parametrize("address", [None, "10.0.1.11", "fe80::ff:fe00:101"])
async def test_a_candidate_becomes_the_attachment_and_the_attachment_a_candidate(
    address: str | None, heard: Heard
) -> None:
    heard.announce("leaf2", SECOND, address=address)
    assert await heard.moves.settle()
    stored = heard.store.get(PORT)
    assert stored is not None and isinstance(stored.object, Port)
    assert heard.place == "port 41 of leaf2, VLAN 9"
    assert [str(it) for it in stored.object.candidates] == ["port 40 of leaf2, untagged", "port 11 of leaf1, untagged"]
    assert heard.store.revisions(1)[0].who == AUTHOR
    assert heard.store.snapshot().identifiers.get("port_index of leaf1", PORT.key) is not None


@pytest.mark.parametrize(
    ("switch", "attachment", "mac", "address"),
    [
        pytest.param("leaf2", FIRST, Mac.parse("02:00:00:00:01:02"), None, id="another MAC"),
        pytest.param("leaf2", FIRST, MAC, "10.0.1.12", id="another's address"),
        pytest.param("leaf2", LocalAttachment(40, 7, 1), MAC, None, id="another VLAN"),
        pytest.param("leaf1", FIRST, MAC, None, id="another switch"),
        pytest.param("leaf1", HOME, MAC, None, id="where it is"),
        pytest.param("leaf2", ForeignAttachment(ip_address("10.255.9.1"), 1), MAC, None, id="a foreign VTEP"),
    ],
)
async def test_nothing_else_moves_it(
    switch: str, attachment: Attachment, mac: Mac, address: str | None, heard: Heard
) -> None:
    revision = heard.store.revision
    heard.announce(switch, attachment, mac, address)
    assert await heard.moves.settle()
    assert heard.store.revision == revision


async def test_flapping_makes_a_commit_a_pause_and_the_last_place_heard_gets_it(heard: Heard) -> None:
    heard.announce("leaf2", FIRST)
    await heard.moves.settle()
    heard.learn_model()
    first = heard.store.revision
    for _ in range(5):
        heard.announce("leaf1", HOME)
        heard.announce("leaf2", SECOND)
        await heard.moves.settle()
    assert heard.store.revision == first
    heard.clock.now = 1.0
    await heard.moves.settle()
    assert heard.place == "port 41 of leaf2, VLAN 9"
    heard.learn_model()
    heard.announce("leaf1", HOME)
    heard.announce("leaf2", SECOND)
    heard.clock.now = 3.5
    await heard.moves.settle()
    assert heard.place == "port 41 of leaf2, VLAN 9", "it was heard there last"


async def test_an_announcement_that_is_out_of_date_does_nothing(heard: Heard) -> None:
    heard.announce("leaf2", FIRST)
    without = next(iter(load_yaml(CANDIDATES, "test"))).document()
    del without["candidates"]
    await heard.intents.apply([Put(Port.model_validate(without))], who="operator")
    revision = heard.store.revision
    assert await heard.moves.settle()
    assert (heard.store.revision, heard.place) == (revision, "port 11 of leaf1, untagged")


async def test_while_the_store_is_away_a_move_waits(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StoreError("away")

    heard.announce("leaf2", FIRST)
    with monkeypatch.context() as patch:
        patch.setattr(heard.store, "commit", fail)
        assert not await heard.moves.settle()
    assert await heard.moves.settle()
    assert heard.place == "port 40 of leaf2, untagged"

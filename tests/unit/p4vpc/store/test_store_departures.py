# SPDX-License-Identifier: Apache-2.0
"""Who has left where, and how much of it every switch has acknowledged."""

from p4vpc.intent import Intent, ObjectId, from_document
from p4vpc.store import Delete, Departure, Put, Store

PORT = ObjectId("port", "red/prod/a")


def port(attachment: dict[str, object] | None, mac: str = "02:00:00:00:00:01") -> Intent:
    document = {"kind": "port", "tenant": "red", "vpc": "prod", "name": "a", "subnet": "web", "mac": mac}
    return from_document({**document, "addresses": ["10.0.1.11"], "attachment": attachment})


def at(switch: str, number: int = 11) -> Intent:
    return port({"switch": switch, "port": number})


def test_departures_are_changes_of_the_switch_and_nothing_else(url: str) -> None:
    with Store(url) as store:
        for intent in (
            *(at("leaf1"), at("leaf1", 12), port({"switch": "leaf1", "port": 12}, "02:00:00:00:00:02")),
            *(at("leaf2"), port(None), at("leaf2"), port({"vtep": "10.255.9.1"}), at("leaf3"), at("leaf1")),
        ):
            store.commit([Put(intent)], "x")
        expected = [Departure(PORT, "leaf1", 4), Departure(PORT, "leaf2", 5)]
        expected += [Departure(PORT, "leaf2", 7), Departure(PORT, "leaf3", 9)]
        assert store.departures() == expected
        assert store.departures(5) == expected[2:]
        store.commit([Delete(PORT)], "x")
        store.commit([Put(at("leaf3"))], "x")
        assert store.departures() == expected


def test_what_every_switch_has_realised_is_over_also_after_a_restart(url: str) -> None:
    with Store(url) as store:
        for switch in ("leaf1", "leaf2", "leaf3"):
            store.commit([Put(at(switch))], "x")
        store.release_retired(2)
        assert store.departures() == [Departure(PORT, "leaf2", 3)]
        store.release_retired(1)
    with Store(url) as store:
        assert store.departures() == [Departure(PORT, "leaf2", 3)]
        store.release_retired(3)
        assert store.departures() == []
        assert len(store.departures(0)) == 2

# SPDX-License-Identifier: Apache-2.0
"""Samples in one line, and how they are followed."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from p4vpc.cli.samples import line_of, warn_if_nothing_is_sampled, watch
from p4vpc.cli.show import Format
from p4vpc.client import Client, DropSample, ObjectRef
from p4vpc.client.models import SampledRule

SAMPLE = DropSample(
    number=7,
    time=datetime(2026, 1, 2, 3, 4, 5, 678900, UTC),
    switch="leaf1",
    port=11,
    reason="policy",
    vpc="red/prod",
    source=ObjectRef(kind="port", key="red/prod/web-1"),
    destination=ObjectRef(kind="port", key="red/prod/db-1"),
    rule=None,
    source_mac="02:00:00:00:00:01",
    destination_mac="02:00:00:00:00:02",
    ether_type=0x0800,
    vlan_id=None,
    source_address="10.0.1.11",
    destination_address="10.0.2.21",
    protocol=6,
    source_port=40000,
    destination_port=22,
    icmp_type=None,
    icmp_code=None,
    length=74,
    frame="00",
)
NOBODY = {"vpc": None, "source": None, "destination": None}
NO_IP = {"source_address": None, "destination_address": None, "protocol": None}
ICMPV6 = {"protocol": 58, "source_port": None, "destination_port": None, "icmp_type": 128, "icmp_code": 0}
RULE = SampledRule(
    acl=ObjectRef(kind="network_acl", key="red/prod/edge"), direction="inbound", position=1, action="deny"
)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({}, "policy red/prod: web-1 -> db-1: tcp 10.0.1.11:40000 > 10.0.2.21:22 74 bytes"),
        ({"destination": None}, "policy red/prod: web-1 -> ?: tcp 10.0.1.11:40000 > 10.0.2.21:22 74 bytes"),
        ({"source_address": "fd00::1"}, "policy red/prod: web-1 -> db-1: tcp [fd00::1]:40000 > 10.0.2.21:22 74 bytes"),
        (
            {"protocol": 47, "source_port": None, "destination_port": None} | NOBODY,
            "policy protocol 47 10.0.1.11 > 10.0.2.21 74 bytes",
        ),
        (ICMPV6 | NOBODY, "policy icmpv6 type 128 code 0 10.0.1.11 > 10.0.2.21 74 bytes"),
        (
            NO_IP | NOBODY | {"ether_type": 0x88B5},
            "policy ether_type 0x88b5 02:00:00:00:00:01 > 02:00:00:00:00:02 74 bytes",
        ),
        (
            {"reason": "acl_log", "rule": RULE},
            "acl_log [network_acl red/prod/edge inbound[1] deny] red/prod: web-1 -> db-1:"
            " tcp 10.0.1.11:40000 > 10.0.2.21:22 74 bytes",
        ),
    ],
)
def test_a_sample_is_a_line(fields: dict[str, Any], line: str) -> None:
    assert line_of(SAMPLE.model_copy(update=fields)) == f"03:04:05.678 leaf1:11 {line}"


class Server:
    """Answers with what it is given, and keeps what it is asked."""

    def __init__(self, answers: Iterable[dict[str, Any]]):
        self.answers = iter(answers)
        self.asked: list[dict[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(dict(request.url.params))
        return httpx.Response(200, json=next(self.answers))


def sample(number: int) -> dict[str, Any]:
    return SAMPLE.model_copy(update={"number": number}).model_dump(mode="json")


def test_watching_goes_on_after_the_highest_number_and_ends_after_so_many(capsys: pytest.CaptureFixture[str]) -> None:
    server = Server(
        [
            {"last": 8, "samples": [sample(7), sample(8)]},
            {"last": 8, "samples": []},
            {"last": 1, "samples": []},  # the controller was started again
            {"last": 3, "samples": [sample(1), sample(3)]},
        ]
    )
    with Client("http://p4vpc", transport=httpx.MockTransport(server)) as client:
        watch(client, ["leaf1"], ["policy"], 3, Format.JSON)
    numbers = [json.loads(line)["number"] for line in capsys.readouterr().out.splitlines()]
    assert numbers == [7, 8, 1]
    assert [asked["after"] for asked in server.asked] == ["0", "8", "8", "0"]
    assert {(asked["switch"], asked["reason"]) for asked in server.asked} == {("leaf1", "policy")}


@pytest.mark.parametrize(
    ("status", "fabric", "is_warned"),
    [
        (404, {"detail": "does not exist"}, True),
        (200, {"kind": "fabric"}, True),
        (200, {"kind": "fabric", "drop_samples": {"policy": "10/s"}}, False),
    ],
)
def test_who_samples_nothing_is_told(
    status: int, fabric: dict[str, Any], is_warned: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(status, json=fabric))
    with Client("http://p4vpc", transport=transport) as client:
        warn_if_nothing_is_sampled(client)
    assert ("set drop_samples of the fabric" in capsys.readouterr().err) is is_warned

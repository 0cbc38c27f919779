# SPDX-License-Identifier: Apache-2.0
"""Where a port may turn up: what may be said, and what moving there makes of it."""

import pytest

from p4vpc.errors import IntentError
from p4vpc.intent import Port, SwitchAttachment, from_document, load_yaml

PORT = """
kind: port
tenant: red
vpc: prod
name: a
subnet: web
mac: 02:00:00:00:01:01
addresses: [10.0.1.11]
attachment: {attachment}
candidates: {candidates}
"""


@pytest.mark.parametrize(
    ("attachment", "candidates", "field", "message", "remedy"),
    [
        ("null", "[{switch: leaf2, port: 1}]", "candidates", "has an attachment at a leaf", "attachment: {switch"),
        ("{vtep: 10.9.0.1}", "[{switch: leaf2, port: 1}]", "candidates", "has an attachment at a leaf", "remove cand"),
        ("{switch: leaf1, port: 1}", "[{switch: leaf1, port: 1}]", "candidates", "is where the port is", "other"),
        (
            *("{switch: leaf1, port: 1}", "[{switch: leaf2, port: 1}, {switch: leaf2, port: 1}]"),
            *("candidates", "port 1 of leaf2, untagged is given twice", "once"),
        ),
        ("{switch: leaf1, port: 1}", "[{vtep: 10.9.0.1}]", "candidates[0].vtep", "is not a field here", ""),
        ("{switch: leaf1, port: 1}", "[{switch: leaf2}]", "candidates[0].port", "is missing", "port: 11"),
        ("{switch: leaf1, port: 1}", "leaf2", "candidates", "is not a list", "candidates: [{switch: leaf2, port: 11}]"),
    ],
)
def test_mistakes(attachment: str, candidates: str, field: str, message: str, remedy: str) -> None:
    with pytest.raises(IntentError) as caught:
        load_yaml(PORT.format(attachment=attachment, candidates=candidates), "test")
    found = [problem for problem in caught.value.problems if problem.field == field]
    assert len(found) == 1, caught.value.problems
    assert message in found[0].message
    assert remedy in found[0].remedy


def test_attachment_and_candidate_change_places() -> None:
    [port] = load_yaml(
        PORT.format(
            attachment="{switch: leaf1, port: 1}",
            candidates="[{switch: leaf2, port: 2, vlan: 7}, {switch: leaf3, port: 3}]",
        ),
        "test",
    )
    assert isinstance(port, Port)
    moved = port.moved_to(SwitchAttachment(switch="leaf2", port=2, vlan=7))
    assert str(moved.attachment) == "port 2 of leaf2, VLAN 7"
    assert [str(place) for place in moved.candidates] == ["port 1 of leaf1, untagged", "port 3 of leaf3, untagged"]
    assert from_document(moved.document()) == moved
    back = moved.moved_to(SwitchAttachment(switch="leaf1", port=1))
    assert back == port
    with pytest.raises(ValueError):
        port.moved_to(SwitchAttachment(switch="leaf2", port=2))

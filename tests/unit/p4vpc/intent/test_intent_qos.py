# SPDX-License-Identifier: Apache-2.0
"""QoS policies as documents."""

import pytest

from p4vpc.errors import IntentError
from p4vpc.intent import QosPolicy, from_document, to_document

POLICY = {"kind": "qos_policy", "tenant": "red", "name": "gold"}
LIMIT = {"rate_bps": 100_000_000, "burst_bytes": 150_000}


def test_the_peak_is_the_rate_unless_it_is_given() -> None:
    policy = from_document(
        {**POLICY, "from_port": LIMIT, "to_port": {**LIMIT, "peak_rate_bps": 200_000_000, "peak_burst_bytes": 9000}}
    )
    assert isinstance(policy, QosPolicy)
    assert policy.from_port is not None
    assert policy.to_port is not None
    assert (policy.from_port.peak_rate, policy.from_port.peak_burst) == (100_000_000, 150_000)
    assert (policy.to_port.peak_rate, policy.to_port.peak_burst) == (200_000_000, 9000)


def test_documents_survive_the_round_trip() -> None:
    document = {**POLICY, "to_port": {**LIMIT, "peak_rate_bps": 200_000_000}}
    assert to_document(from_document(document)) == document


@pytest.mark.parametrize(
    ("fields", "field", "message", "remedy"),
    [
        ({}, "from_port", "limits nothing", "from_port, to_port, or both"),
        ({"from_port": None}, "from_port", "limits nothing", "both"),
        ({"from_port": {"rate_bps": 8000}}, "from_port.burst_bytes", "is missing", "burst_bytes: 150000"),
        ({"from_port": {**LIMIT, "burst_bytes": 0}}, "from_port.burst_bytes", "0 is too small", "at least 1"),
        ({"from_port": {**LIMIT, "rate_bps": 7}}, "from_port.rate_bps", "7 is too small", "at least 8"),
        ({"from_port": {**LIMIT, "rate_bps": "1G"}}, "from_port.rate_bps", "'1G' is not a whole number", "digits"),
        ({"to_port": {**LIMIT, "burst_bytes": 2**31}}, "to_port.burst_bytes", "too large", "2147483647"),
        (
            {"to_port": {**LIMIT, "peak_rate_bps": 99_999_999}},
            "to_port.peak_rate_bps",
            "99999999 is below the committed rate of 100000000",
            "at least 100000000",
        ),
        ({"to_port": {**LIMIT, "peek_rate_bps": 1}}, "to_port.peek_rate_bps", "is not a field", "peak_rate_bps"),
        ({"to_port": 5}, "to_port", "5 is not a mapping", "rate_bps: 100000000"),
    ],
)
def test_mistakes(fields: dict[str, object], field: str, message: str, remedy: str) -> None:
    with pytest.raises(IntentError) as caught:
        from_document({**POLICY, **fields})
    (problem,) = caught.value.problems
    assert problem.field == field
    assert message in problem.message
    assert remedy in problem.remedy

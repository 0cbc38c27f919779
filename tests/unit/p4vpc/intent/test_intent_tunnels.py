# SPDX-License-Identifier: Apache-2.0
"""Fields about tunnels: what is read, what is refused with field and remedy."""

import pytest

from p4vpc.errors import IntentError
from p4vpc.intent import Dscp, Fabric, ForeignVtep, from_document, to_document

VTEP = {"kind": "vtep", "name": "router", "address": "10.255.9.1"}


def test_defaults() -> None:
    vtep = from_document(VTEP)
    assert isinstance(vtep, ForeignVtep)
    assert (vtep.ecn, vtep.dscp, vtep.udp_checksum) == ("compatibility", Dscp(mode="pipe", value=0), "zero")
    assert (vtep.gbp, vtep.trust_gbp, vtep.key) == (False, False, "router")
    fabric = Fabric()
    assert (fabric.ecn, fabric.dscp, fabric.udp_checksum) == ("normal", Dscp(), "zero")


@pytest.mark.parametrize("dscp", [{}, {"value": 46}, {"mode": "pipe", "value": 0}, {"mode": "uniform"}])
def test_a_document_survives(dscp: dict[str, object]) -> None:
    for document in (
        {**VTEP, "ecn": "normal", "dscp": dscp, "udp_checksum": "computed", "gbp": True, "trust_gbp": True},
        {"kind": "fabric", "ecn": "compatibility", "dscp": dscp, "udp_checksum": "computed"},
    ):
        assert to_document(from_document(document)) == document


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"ecn": "copy"}, "ecn", "normal"),
        ({"udp_checksum": True}, "udp_checksum", "zero"),
        ({"dscp": {"value": 64}}, "dscp.value", "63"),
        ({"dscp": {"mode": "uniform", "value": 3}}, "dscp.value", "uniform has no value"),
        ({"dscp": {"mode": "tube"}}, "dscp.mode", "pipe"),
        ({"gbp": 1}, "gbp", ""),
        ({"trust_gbp": True}, "trust_gbp", "does not speak GBP"),
        ({"address": "10.255.9.0/24"}, "address", "10.255.9.0/24"),
        ({"trusted": True}, "trusted", ""),
    ],
)
def test_mistakes(fields: dict[str, object], field: str, message: str) -> None:
    with pytest.raises(IntentError) as caught:
        from_document({**VTEP, **fields})
    (problem,) = caught.value.problems
    assert problem.field == field
    assert message in f"{problem.message} {problem.remedy}"

# SPDX-License-Identifier: Apache-2.0
"""Steps of a switch taken apart into passes: copies that come before, after and within each other."""

from p4vpc.compiler import DropReason
from p4vpc.compiler.drop_reasons import ANSWERED
from p4vpc.services.trace import Processed, Step
from p4vpc.services.trace.passes import name_of, passes_of
from p4vpc.services.trace.reasons import FABRIC, TEXTS, Stage, stage_of, text_of

INGRESS, PARSE = Step("ingress"), Step("parse", "start")
IDENTITY = ("policy", (), 100)


def egress(port: int, *inner: Step, frame: bool = True) -> list[Step]:
    end = Step("output", args=(port,)) if frame else Step("drop", "egress")
    return [Step("egress", args=(port,)), *inner, end]


def clone(session: int, replicas: int) -> Step:
    return Step("copy", "clone", args=(session, replicas))


def test_lookups_have_the_action_that_was_run() -> None:
    steps = (
        *(INGRESS, PARSE),
        *(Step("table", "policy", "hit", (1, 2), (), IDENTITY), Step("action", "permit", "policy", args=(7,))),
        *(Step("table", "tunnel_next_hops", "hit", (3,)), Step("member", "tunnel_selector")),
        *(Step("action", "set_next_hop", "tunnel_next_hops", args=(2,)), Step("table", "traps", "miss", (0,))),
        *(Step("condition", "x", "true"), Step("action", "other", "somewhere")),
        Step("drop", "ingress"),
    )
    ingress, copies = passes_of(Processed(steps, ()))
    assert copies == []
    assert ingress.parser_states == ("start",)
    assert [(it.table, it.is_hit, it.action, it.args, it.identity) for it in ingress.lookups] == [
        ("policy", True, "permit", (7,), IDENTITY),
        ("tunnel_next_hops", True, "set_next_hop", (2,), None),
        ("traps", False, "", (), None),
    ]


def test_the_reason_is_what_was_counted() -> None:
    counted = Step("table", "drop_reasons", "hit", (DropReason.SPOOF,))
    ingress, _ = passes_of(Processed((INGRESS, counted, Step("drop", "ingress")), ()))
    assert ingress.reason == DropReason.SPOOF
    late = Step("table", "egress_drop_reasons", "hit", (DropReason.POLICY,))
    ingress, [copy] = passes_of(Processed((INGRESS, *egress(1, late, frame=False)), ()))
    assert (ingress.reason, copy.reason, copy.output) == (None, DropReason.POLICY, None)


def test_clones_of_ingress_come_before_the_frame_itself() -> None:
    steps = (INGRESS, clone(3, 2), *egress(510), *egress(14), *egress(2))
    _, copies = passes_of(Processed(steps, ((510, b"a"), (14, b"b"), (2, b"c"))))
    assert [(it.egress_port, it.is_copy, it.output) for it in copies] == [
        (510, True, b"a"),
        (14, True, b"b"),
        (2, False, b"c"),
    ]


def test_clones_of_egress_leave_before_what_they_were_made_from() -> None:
    inner = (clone(1, 1), *egress(510))
    steps = (INGRESS, Step("copy", "multicast"), *egress(2, *inner), *egress(3, frame=False), *egress(4))
    _, copies = passes_of(Processed(steps, ((510, b"a"), (2, b"b"), (4, b"c"))))
    assert [(it.egress_port, it.is_copy, it.output) for it in copies] == [
        (2, False, b"b"),
        (510, True, b"a"),
        (3, False, None),
        (4, False, b"c"),
    ]


def test_every_reason_has_words_and_a_stage() -> None:
    assert TEXTS.keys() == set(DropReason)
    for reason in DropReason:
        assert text_of(reason) == TEXTS[reason]
        assert name_of(reason) == reason.name.lower()
    assert (text_of(200), name_of(200), stage_of(200)) == ("for reason 200", "reason_200", Stage.RULES)
    assert stage_of(None) is Stage.RULES
    assert not FABRIC & ANSWERED, "what the controller answers concerns tenants"

# SPDX-License-Identifier: Apache-2.0
"""A question and its answer, from what one compilation says: pure but for the tracer, which keeps to its own memory."""

from collections.abc import Sequence
from dataclasses import dataclass

from p4vpc.compiler import DesiredState
from p4vpc.reconcile import plan
from p4vpc.services.trace.explain import Remark
from p4vpc.services.trace.frames import build_reply
from p4vpc.services.trace.question import Departure, Question, depart, opposite
from p4vpc.services.trace.verdict import Judge, Verdict
from p4vpc.services.trace.walk import End, Held, Walk, World
from p4vpc.southbound import Pipeline

_NO_REPLY = "nothing is answered: "


@dataclass(frozen=True, slots=True)
class Traced:
    """One frame, from where it enters to its end."""

    departure: Departure
    walk: Walk
    verdict: Verdict
    remarks: Sequence[Remark]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a packet.

    Attributes:
        opening: the packet of the other direction that had opened the flow before, if asked for.
        request: the packet.
        reply: the answer to it, if asked for and there is one.
        notes: how the question was understood, and what was not looked at.
    """

    opening: Traced | None
    request: Traced
    reply: Traced | None
    notes: tuple[str, ...]


def ask(question: Question, world: World) -> Answer:
    """Trace a packet; all that it leaves behind is in `world`.

    Raises:
        NotFoundError, IntentError: the question names what does not exist, or makes no sense.
    """
    opening = _trace(depart(opposite(question, world.model), world.model), world) if question.is_established else None
    departure = depart(question, world.model)
    request = _trace(departure, world)
    notes = [departure.note] if departure.note else []
    reply = None
    if question.is_reply:
        back, why = _reply(request, world)
        reply = None if back is None else _trace(back, world)
        notes += [why] if why else []
    if not all(it.walk.is_whole for it in (opening, request, reply) if it is not None):
        notes.append(f"it goes to more switches than are looked at ({len(request.walk.hops)})")
    return Answer(opening, request, reply, tuple(notes))


def _trace(departure: Departure, world: World) -> Traced:
    walk = world.walk(departure.switch, departure.port, departure.frame, *departure.copies)
    judge = Judge(world, walk)
    return Traced(departure, walk, judge.verdict(), judge.remarks)


def _reply(request: Traced, world: World) -> tuple[Departure | None, str]:
    """Where the answer to what has arrived enters; or why there is none."""
    arrived = next(Judge(world, request.walk).deliveries(), None)
    if arrived is None:
        return None, f"{_NO_REPLY}nothing has arrived at a port"
    hop, outcome, receivers = arrived
    frame = build_reply(outcome.frame, is_tunnelled=outcome.end is End.LEFT)
    if frame is None or outcome.egress is None or outcome.egress.egress_port is None:
        return None, f"{_NO_REPLY}no host answers such a packet with one of the same flow"
    return Departure(hop.switch, outcome.egress.egress_port, frame, receivers[0] if receivers else None), ""


def desired_of(state: DesiredState, pipeline: Pipeline) -> Held:
    """What a switch that does as it is told holds: without what does not fit into its tables."""
    return ((change.entry, change.origins) for change in plan(state.entries, {}, pipeline.info.schema).changes)

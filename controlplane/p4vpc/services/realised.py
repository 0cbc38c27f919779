# SPDX-License-Identifier: Apache-2.0
"""How far one object is: which switches it concerns, whether they show it, and if not, why.

An object concerns a switch that shall hold entries which come from it; a tenant and a VPC also what comes from anything
in them. A switch shows an object when nothing of that object's last revision is left to write there, and nothing that
comes from the object is refused: what is refused of others does not count against it.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from p4vpc.compiler import Compilation
from p4vpc.intent import KINDS, ObjectId
from p4vpc.services.concern import Concern
from p4vpc.services.controller import Controller
from p4vpc.services.origins import holders
from p4vpc.southbound import SwitchProblem, SwitchState, SwitchStatus

_LOOK_AGAIN_SECONDS = 1.0
"""A change that happens while we look is not waited for longer."""


class RealisedState(StrEnum):
    """What has become of an object. Nothing is to be done for one that concerns no switch: it is realised."""

    REALISED = "realised"
    PENDING = "pending"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class AtSwitch:
    """An object at one switch.

    Attributes:
        entries: how many entries come from it there.
        problems: what of it the switch cannot hold.
    """

    switch: SwitchStatus
    entries: int
    problems: tuple[SwitchProblem, ...]
    is_realised: bool


@dataclass(frozen=True, slots=True)
class Realised:
    """An object at all switches that it concerns, sorted by name.

    Attributes:
        error: why the controller could not hand the object's revision to the switches; empty if it could.
    """

    state: RealisedState
    error: str
    switches: tuple[AtSwitch, ...]


async def read_realised(controller: Controller, object_id: ObjectId, revision: int, wait_seconds: float) -> Realised:
    """How far an object is whose last change is `revision`; as soon as it is settled, or after so many seconds."""
    found = await asyncio.to_thread(_read, controller, object_id, revision)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait_seconds):
            while found.state is RealisedState.PENDING:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_AGAIN_SECONDS):
                        await controller.changed()
                found = await asyncio.to_thread(_read, controller, object_id, revision)
    return found


def _read(controller: Controller, object_id: ObjectId, revision: int) -> Realised:
    compilation = controller.compilation
    if compilation is None or controller.compiled_revision < revision:
        error = controller.error
        return Realised(RealisedState.REFUSED if error else RealisedState.PENDING, error, ())
    found = []
    for name in sorted(_switches(compilation, object_id)):
        switch = controller.switch_status(name)
        if switch is None:
            continue
        entries = controller.origins.count(compilation.states[name], object_id)
        problems = tuple(it for it in switch.problems if any(object_id in holders(origin) for origin in it.origins))
        if entries or problems:
            is_settled = switch.state is SwitchState.READY and switch.has_settled(revision)
            found.append(AtSwitch(switch, entries, problems, is_settled and not problems))
    if any(at.problems for at in found):
        state = RealisedState.REFUSED
    else:
        state = RealisedState.REALISED if all(at.is_realised for at in found) else RealisedState.PENDING
    return Realised(state, "", tuple(found))


def _switches(compilation: Compilation, object_id: ObjectId) -> Iterable[str]:
    """Where there may be entries of an object."""
    tenant = object_id.key if object_id.kind == "tenant" else object_id.key.partition("/")[0]
    if object_id.kind != "tenant" and "tenant" not in KINDS[object_id.kind].name_fields:
        return compilation.states.keys()
    is_in_vpc = object_id.kind == "vpc" or "vpc" in KINDS[object_id.kind].name_fields
    vpcs = {"/".join(object_id.key.split("/")[:2])} if is_in_vpc else None
    of = compilation.input
    redirecting = {name for name, ports in of.moved.items() if any(it.key.startswith(f"{tenant}/") for it in ports)}
    return (Concern(tenant, vpcs).switches(of.model) | redirecting) & compilation.states.keys()

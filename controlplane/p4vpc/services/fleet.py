# SPDX-License-Identifier: Apache-2.0
"""The switches that a controller runs agents for, and how far each of them is, as its owner tells.

A switch is told only of revisions that concern it, so most are as far as the last one at any time: those that are not
are kept as a set, and nobody has to ask all of them.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from functools import partial

from p4vpc.compiler import Compilation
from p4vpc.services.leases import Cluster
from p4vpc.services.progress import Progress
from p4vpc.services.responder import Responder, view_of_model
from p4vpc.services.samples import Sampler, SampleView
from p4vpc.southbound import Agent, SwitchState, SwitchStatus


@dataclass(slots=True)
class Running:
    """A switch's agent, responder and sampler, and the tasks that run the first two and its discovery."""

    agent: Agent
    responder: Responder
    sampler: Sampler
    tasks: tuple[asyncio.Task[None], ...]
    is_connected: bool = False
    is_deposed: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """A switch is given nothing for a while.

    Attributes:
        revision: the one that it stays at.
        until: when it is let go of at the latest (seconds, monotonic).
    """

    revision: int
    until: float


class Fleet(Mapping[str, Running]):
    """What runs, by the switch's name.

    Args:
        progress: whose changes are waited for.

    Attributes:
        cluster: knows of switches that other controllers own; None if there cannot be any.
        behind: the names of switches that do not show all that they were ever meant to, or that are held.
        held: the switches that shall not hear of a revision yet, and of none that comes after it. Whatever they are
            handed ends that.
    """

    def __init__(self, progress: Progress):
        self._progress = progress
        self._running: dict[str, Running] = {}
        self.cluster: Cluster | None = None
        self.behind: set[str] = set()
        self.held: dict[str, Hold] = {}

    def __getitem__(self, name: str) -> Running:
        return self._running[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._running)

    def __len__(self) -> int:
        return len(self._running)

    def add(self, name: str, running: Running) -> None:
        """Take up a switch."""
        self.behind.add(name)
        self._running[name] = running

    async def remove(self, name: str) -> None:
        """Let go of a switch. It keeps what it holds: whoever takes it over decides."""
        running = self._running.pop(name)
        self.held.pop(name, None)
        await cancel(*running.tasks)
        self.behind.discard(name)
        if self.cluster is not None:
            self.cluster.forget(name)

    async def close(self) -> None:
        """End all that runs."""
        await cancel(*(task for running in self._running.values() for task in running.tasks))
        self._running.clear()

    def statuses(self) -> tuple[SwitchStatus, ...]:
        """All switches at this moment, sorted by name."""
        return tuple(self.status_of(name) for name in sorted(self._running))

    def status_of(self, name: str) -> SwitchStatus:
        """One switch at this moment, as its owner tells; KeyError if there is none of that name."""
        agent = self._running[name].agent
        if agent.is_owner or self.cluster is None:
            return agent.status
        return self.cluster.status(name) or agent.status

    def progress_of(self, name: str) -> Agent | SwitchStatus:
        """What tells how far one switch is, as `status_of`; an agent of ours does so without making a status."""
        agent = self._running[name].agent
        return agent if agent.is_owner or self.cluster is None else self.status_of(name)

    def session_of(self, name: str) -> int | None:
        """As `Agent.ready_session`; None if there is no such switch."""
        running = self._running.get(name)
        return None if running is None else running.agent.ready_session

    def is_ready_somewhere(self, name: str) -> bool:
        """Whether a switch's owner, us or another controller, has it ready."""
        if self.cluster is None or self._running[name].agent.is_owner:
            return self.session_of(name) is not None
        return self.status_of(name).state is SwitchState.READY

    def is_away(self, name: str) -> bool:
        """Whether it is known that a switch cannot be reached, by whoever owns it."""
        if name not in self._running:
            return True
        if self.cluster is not None and self.cluster.is_between_owners(name):
            return False
        status = self.status_of(name)
        return bool(status.error) and not status.is_connected

    def weigh(self, name: str) -> None:
        """See whether a switch shows all that it was ever meant to, and is then as far as its owner."""
        running = self._running.get(name)
        if running is None:
            return
        if running.agent.is_owner:
            is_realised = running.agent.is_realised
        else:
            status = None if self.cluster is None else self.cluster.status(name)
            is_realised = status is not None and 0 < status.desired_revision <= status.realised_revision
            is_realised = is_realised and status is not None and status.state is SwitchState.READY
        if is_realised and name not in self.held:
            self.behind.discard(name)
        else:
            self.behind.add(name)

    def weigh_others(self) -> None:
        """The same for all switches of other owners."""
        for name, running in self._running.items():
            if not running.agent.is_owner:
                self.weigh(name)

    def revision_elsewhere(self) -> int | None:
        """The last revision that all other owners have given to their switches; None if there are no others."""
        return None if self.cluster is None else self.cluster.least_revision()

    def hold(self, names: Iterable[str], revision: int, until: float) -> None:
        """Let switches stay at a revision until they are handed something."""
        for name in names:
            self.held[name] = Hold(revision, until)
            self.behind.add(name)
            if self.cluster is not None:
                self.cluster.mark(name)

    def revision_of(self, name: str) -> int:
        """The last revision that a switch has been given if it concerns it."""
        hold = self.held.get(name)
        return self._progress.compiled_revision if hold is None else hold.revision

    def hand_to(self, names: Iterable[str], compiled: Compilation) -> None:
        """Give some switches what they shall hold."""
        model = compiled.input.model
        for name in names:
            state, running = compiled.states[name], self._running[name]
            is_let_go = self.held.pop(name, None) is not None
            running.agent.set_desired(replace(state, revision=model.revision))
            running.responder.set_view_source(partial(view_of_model, model, name))
            running.sampler.set_view(SampleView(model, name))
            if is_let_go:
                self.weigh(name)

    def realised(self, names: Set[str]) -> Mapping[str, int]:
        """What is realised at those of the switches that there are."""
        return {name: self.status_of(name).realised_revision for name in names & self._running.keys()}

    async def settled(
        self,
        names: Collection[str],
        revision: int,
        timeout_seconds: float,
        is_done: Callable[[], bool] = lambda: True,
    ) -> None:
        """Wait, not for longer, until those of the switches that take writes now have taken them, and all is done."""
        agents = [self._running[name].agent for name in names]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while agents := [it for it in agents if it.ready_session is not None and not it.has_settled(revision)]:
                    await self._progress.changed()
                while not is_done():
                    await self._progress.changed()


async def cancel(*tasks: asyncio.Task[None]) -> None:
    """End tasks, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)

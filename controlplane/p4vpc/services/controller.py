# SPDX-License-Identifier: Apache-2.0
"""From the store's last revision to the switches: model, compile, hand to the agents; and how far they are.

A revision reaches the switches as a whole or not at all: if it does not make a model, or does not compile for one
switch, every switch keeps what it has, and the status says why. If it moves ports, `relocation` hands it to their new
switches first, and says what old ones redirect; how switches go round dead links follows from `rerouting`.
"""

import asyncio
import contextlib
import math
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Self

import structlog

from p4vpc.compiler import Compilation, DesiredState, Input, compile_all, recompile
from p4vpc.errors import StoreError
from p4vpc.intent import ObjectId
from p4vpc.model import Model, ModelSwitch
from p4vpc.services import garbage
from p4vpc.services.access import AccessService
from p4vpc.services.announced_moves import AnnouncedMoves
from p4vpc.services.blocking import Blocking
from p4vpc.services.concern import Concern
from p4vpc.services.fleet import Fleet, Running, cancel
from p4vpc.services.intents import IntentService
from p4vpc.services.leases import Cluster, LeaseOptions, election_id_of, epoch_of
from p4vpc.services.links import Discovery, LinkMonitor, LinkOptions, LinkState, LinkStatus
from p4vpc.services.membership import Membership, Surroundings
from p4vpc.services.models import Models
from p4vpc.services.origins import OriginIndex
from p4vpc.services.outcomes import Outcome, Outcomes
from p4vpc.services.progress import Progress
from p4vpc.services.relocation import MobilityOptions, Relocation
from p4vpc.services.rerouting import Rerouting
from p4vpc.services.responder import (
    Announcement,
    Attachment,
    LatestAnnouncements,
    OnAnnouncement,
    Responder,
    log_announcement,
)
from p4vpc.services.samples import Sampler, SampleRing
from p4vpc.southbound import (
    Agent,
    AgentOptions,
    Pace,
    Packet,
    Pipeline,
    Rollout,
    SwitchStatus,
    Target,
)
from p4vpc.store import Departure, Member, Snapshot, SoleUse, Store

FEED_INTERVAL_SECONDS = 1.0
"""How often the store is asked for commits of other processes, and how soon after a failure it is tried again."""


@dataclass(frozen=True, slots=True)
class ControllerStatus:
    """The whole at one moment.

    Attributes:
        compiled_revision: the last that was handed to the agents.
        error: why a later one was not; empty if nothing is wrong.
        switches: by name, sorted.
        links: by name, sorted.
        name: of this controller; empty if there cannot be another one.
        controllers: all that are registered, by name.
        owners: of each switch, who owns it and by which epoch; empty if there cannot be another controller.
    """

    compiled_revision: int
    error: str
    switches: tuple[SwitchStatus, ...]
    links: tuple[LinkStatus, ...] = ()
    name: str = ""
    controllers: Mapping[str, Member] = field(default_factory=dict)
    owners: Mapping[str, tuple[str, int]] = field(default_factory=dict)


class Controller:
    """Keeps every switch of the intent at the last revision. Use it as an asynchronous context manager.

    Args:
        store: closed by whoever opened it, after the controller has ended.
        pipeline: what the switches shall run.
        options: for the agents.
        link_options: when links count as down, and how often LLDP is sent.
        on_packet: called with the switch's name and each packet-in that the responder does not take.
        on_announcement: called when a host makes itself known, wherever it is.
        leases: how switches are shared with other controllers, on a database that can be shared.
    """

    def __init__(
        self,
        store: Store,
        pipeline: Pipeline,
        *,
        options: AgentOptions | None = None,
        link_options: LinkOptions | None = None,
        on_packet: Callable[[str, Packet], None] | None = None,
        on_announcement: OnAnnouncement = log_announcement,
        feed_interval: float = FEED_INTERVAL_SECONDS,
        mobility: MobilityOptions | None = None,
        leases: LeaseOptions | None = None,
    ):
        self.pipeline = pipeline
        self._store = store
        self._options = options
        self._link_options = link_options or LinkOptions()
        self._on_packet = on_packet
        self._on_announcement = on_announcement
        self.announcements = LatestAnnouncements(self._announced)
        mobility = mobility or MobilityOptions()
        self.samples = SampleRing()
        self._feed_interval = feed_interval
        self._progress = Progress()
        self._fleet = Fleet(self._progress)
        self._dirty = asyncio.Event()
        self._blocking = Blocking()
        self.intents = IntentService(store, self._blocking, self._dirty.set, pipeline.architecture)
        self.access = AccessService(store, self._blocking)
        self._announced_moves = AnnouncedMoves(self.intents, options=mobility.damping)
        self._pace = Pace()
        self.origins = OriginIndex()
        self._outcomes = Outcomes(self._fleet, self._progress)
        self._models = Models()
        self._release_due = 0.0
        self._is_new_whole = False
        self._links = LinkMonitor(self._link_options, self._fleet.session_of, self._link_changed)
        self._released_revision = 0
        self._asked_at = -math.inf
        self._sole_use: SoleUse | None = None
        self._membership: Membership | None = None
        if store.is_shared:
            self._membership = Membership(
                leases or LeaseOptions(f"{socket.gethostname()}:{os.getpid()}"),
                Surroundings(
                    store=store,
                    blocking=self._blocking,
                    fleet=self._fleet,
                    progress=self._progress,
                    down_links=self._links.down_links,
                    on_commit=self._dirty.set,
                    on_change=self._others_changed,
                    retry_seconds=feed_interval,
                ),
            )
            self._fleet.cluster = self._membership.cluster
        self._rerouting = Rerouting(self._links, self._fleet, self._progress, self._membership, self._recompile)
        self._relocation = Relocation(mobility, self._fleet, self._progress, self._recompile)
        self._rollout = Rollout(self._progress.notify) if self._membership is None else self._membership.cluster.rollout
        self._own_tasks: tuple[asyncio.Task[None], ...] = ()
        self._log = structlog.get_logger().bind(switch="-")

    async def __aenter__(self) -> Self:
        garbage.expect_much()
        if self._cluster is not None:
            await self._cluster.join()
        else:
            self._sole_use = self._store.use_alone()
        self._own_tasks = (
            asyncio.create_task(self._run(), name="controller"),
            asyncio.create_task(self._run_announced_moves(), name="announced moves"),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """End all sessions. The switches keep what they have."""
        await cancel(*self._own_tasks)
        await self._fleet.close()
        if self._cluster is not None:
            await self._cluster.leave()
        await self._blocking.close()
        if self._sole_use is not None:
            self._sole_use.close()

    @property
    def _cluster(self) -> Cluster | None:
        return self._fleet.cluster

    @property
    def is_ready(self) -> bool:
        """Whether a revision has been compiled since the start."""
        return self._progress.is_ready

    @property
    def lease_error(self) -> str:
        """Why this controller cannot own switches at the moment, or keeps them without being sure; empty if it can."""
        return "" if self._cluster is None else self._cluster.error

    @property
    def status(self) -> ControllerStatus:
        """The whole at this moment."""
        status = ControllerStatus(
            self._progress.compiled_revision,
            self.error,
            self._fleet.statuses(),
            self._links.status(self._rerouting.avoided),
        )
        cluster = self._cluster
        if cluster is None:
            return status
        owners = {name: (cluster.owner(name) or "", cluster.epoch(name)) for name in sorted(self._fleet)}
        return replace(status, name=cluster.name, controllers=cluster.members, owners=owners)

    @property
    def error(self) -> str:
        """Why the last revision was not handed to the agents; empty if it was."""
        return self._progress.store_error or self._progress.model_error or self.lease_error

    @property
    def compiled_revision(self) -> int:
        """The last revision that was handed to the agents."""
        return self._progress.compiled_revision

    @property
    def compilation(self) -> Compilation | None:
        """What the switches shall hold, and what it was made from; None before the first."""
        return self._progress.compiled

    def switch_status(self, name: str) -> SwitchStatus | None:
        """One switch at this moment; None if there is no agent for it."""
        return self._fleet.status_of(name) if name in self._fleet else None

    def agents(self) -> Mapping[str, Agent]:
        """The agents by name of their switch."""
        return {name: running.agent for name, running in sorted(self._fleet.items())}

    def responders(self) -> Mapping[str, Responder]:
        """The responders by name of their switch."""
        return {name: running.responder for name, running in sorted(self._fleet.items())}

    def samplers(self) -> Mapping[str, Sampler]:
        """The samplers by name of their switch."""
        return {name: running.sampler for name, running in sorted(self._fleet.items())}

    def desired(self, switch: str) -> DesiredState | None:
        """What a switch shall hold, sorted by identity; None if it is not known."""
        state = None if self._progress.compiled is None else self._progress.compiled.states.get(switch)
        if state is None:
            return None
        return DesiredState(switch, state.revision, {identity: state[identity] for identity in sorted(state)})

    @property
    def down_links(self) -> frozenset[ObjectId]:
        """The links that the desired states go round."""
        return self._rerouting.compiled_round

    async def changed(self) -> None:
        """Wait until the status is another one."""
        await self._progress.changed()

    def _agent_changed(self, name: str) -> None:
        self._fleet.weigh(name)
        if self._membership is not None:
            self._membership.look_after(name)
        self._progress.notify()
        if self._relocation:
            self._dirty.set()

    def _others_changed(self) -> None:
        self._fleet.weigh_others()
        if self._rerouting.down_links() != self.down_links:
            self._rerouting.look_again()
            self._dirty.set()
        if self._relocation:
            self._dirty.set()
        self._progress.notify()

    def _announced(self, switch: str, attachment: Attachment, announcement: Announcement) -> None:
        self._announced_moves.hear(switch, attachment, announcement)
        self._on_announcement(switch, attachment, announcement)

    async def wait_realised(
        self,
        revision: int,
        timeout_seconds: float,
        *,
        is_every_switch_ready: bool = False,
        concern: Concern | None = None,
    ) -> Outcome:
        """Wait until every switch that `revision` touches shows it.

        Args:
            revision: a committed one.
            timeout_seconds: bound.
            is_every_switch_ready: wait also for switches that are not touched, but not connected or not read back.
            concern: whose switches and refusals count; None: everybody's.

        Returns:
            REALISED; DEGRADED as soon as nothing is left to try, but something is refused, left out or did not
            compile; TIMEOUT otherwise.
        """
        return await self._outcomes.wait(
            revision, timeout_seconds, is_every_switch_ready=is_every_switch_ready, concern=concern
        )

    async def _run_announced_moves(self) -> None:
        """Move what announces itself, for ever; a bug in that must not end it."""
        while True:
            try:
                await self._announced_moves.run()
            except Exception:
                self._log.exception("unexpected error, please report it")
            await asyncio.sleep(self._feed_interval)

    async def _run(self) -> None:
        """Follow the store until cancelled."""
        while True:
            self._dirty.clear()
            try:
                await self._follow(await self._news())
                self._progress.store_error = ""
            except StoreError as error:
                # The switches keep forwarding what they have; as soon as the database is back we go on.
                if str(error) != self._progress.store_error:
                    self._log.error("the store cannot be read", reason=str(error))
                self._progress.store_error = str(error)
                self._progress.notify()
            except Exception:  # one revision that cannot be handed out must not end all that come after it
                self._log.exception("unexpected error, please report it")
            await self._relocation.run_once()  # these two also while the database is away
            await self._rerouting.run_once()
            now = time.monotonic()
            nexts = (self._relocation.seconds_to_next(now), self._rerouting.seconds_to_next(now))
            pause = min((self._feed_interval, *(seconds for seconds in nexts if seconds is not None)))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, pause)):
                    await self._dirty.wait()

    async def _news(self) -> Snapshot:
        """The last revision; the database is asked for others' commits now and then."""
        if self._asked_at + self._feed_interval > time.monotonic():
            return await self.intents.latest()
        snapshot = await self.intents.snapshot()
        self._asked_at = time.monotonic()
        return snapshot

    async def _follow(self, snapshot: Snapshot) -> None:
        if snapshot.revision != self._progress.failed_revision and not (
            self._progress.is_ready and snapshot.revision == self._progress.compiled_revision
        ):
            try:
                compiled = await self._compile(snapshot)
            except StoreError:
                raise
            except Exception as error:  # whatever is wrong with this revision, the last good one goes on
                self._log.exception("the last revision cannot be realised", revision=snapshot.revision)
                self._progress.model_error = f"revision {snapshot.revision} cannot be realised: {error}"
                self._progress.failed_revision = snapshot.revision
                self._progress.notify()
            else:
                self._progress.model_error = ""
                await self._hand_out(compiled)
                await self.intents.prepare()
        await self._release_identifiers()

    async def _compile(self, snapshot: Snapshot) -> Compilation:
        departures, model = await self._blocking.run(self._read, snapshot)
        if not self._progress.is_ready:
            await self._first_look(model)
        # What was committed since the snapshot was taken comes with the next one.
        moved = self._relocation.follow(model, (it for it in departures if it.revision <= snapshot.revision))
        down_links = self._rerouting.down_links() if self._progress.compiled is None else self.down_links
        return await self._recompile(self._progress.compiled, Input(model, moved, down_links))

    def _read(self, snapshot: Snapshot) -> tuple[Sequence[Departure], Model]:
        """What has left since the last revision, and the snapshot's model; both in one turn beside the event loop."""
        since = self._progress.compiled_revision if self._progress.is_ready else None
        departures = None
        if since is not None and not self._store.is_shared:  # else others may have told switches what we never did
            departures = self._models.departures(snapshot, since)
        if departures is None:
            departures = self._store.departures(since)
        return departures, self._models.of(snapshot, self.pipeline.architecture)

    async def _recompile(self, before: Compilation | None, of: Input) -> Compilation:
        if before is None or before.input.model.switches is not of.model.switches:
            self._is_new_whole = True
        if before is None:
            return await self._blocking.run(_compile_all, of)
        return await self._blocking.run(recompile, before, of)

    async def _first_look(self, model: Model) -> None:
        """Find out about links before anything is written: dead ones shall not come back with the controller."""
        self._links.set_links(model)
        for name, switch in model.switches.items():
            if name not in self._fleet:
                self._add(switch)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._link_options.first_look):
                while not all(running.agent.is_looked_at for running in self._fleet.values()):
                    await self._progress.changed()

    def _link_changed(self, link: LinkStatus) -> None:
        if link.detail:
            log = self._log.warning if link.state is LinkState.DOWN else self._log.info
            log("link", link=link.name, a=link.a, b=link.b, state=link.state.value, reason=link.detail)
        elif link.flaps:
            self._log.info("link is well again", link=link.name, state=link.state.value)
        self._rerouting.look_again()
        self._dirty.set()
        if self._cluster is not None:
            self._cluster.mark_progress()
        self._progress.notify()

    async def _hand_out(self, compiled: Compilation) -> None:
        model = compiled.input.model
        if self._membership is not None:
            self._membership.may_own()
        before = None if self._progress.compiled is None else self._progress.compiled.input.model
        if before is None or before.fabric_ports is not model.fabric_ports:
            self._links.set_links(model)
            self._rerouting.look_again()
        if before is None or before.switches is not model.switches:
            await self._follow_switches(model)
            if self._membership is not None:
                self._membership.tell_tiers(compiled.input)
        self._announced_moves.set_model(model)
        self._progress.compiled = await self._relocation.lead(compiled)
        self._relocation.give(compiled.concerned | self._progress.compiled.concerned, self._progress.compiled)
        self._rerouting.has_handed_out(self._progress.compiled)
        self._progress.compiled_revision = model.revision
        self._progress.is_ready = True
        if self._cluster is not None:
            self._cluster.mark_progress()
        self._log.info(
            "compiled",
            revision=model.revision,
            switches=len(compiled.changed),
            entries=sum(len(it or ()) for it in compiled.changed.values()),
            down_links=sorted(link.key for link in compiled.input.down_links),
        )
        self._progress.notify()

    async def _follow_switches(self, model: Model) -> None:
        """Let go of switches that are no more, or elsewhere, and take up new ones."""
        gone = [
            name for name, running in self._fleet.items() if running.agent.target != _target(model.switches.get(name))
        ]
        for name in gone:
            await self._remove(name)
        for name, switch in model.switches.items():
            if name not in self._fleet:
                self._add(switch)

    def _add(self, switch: ModelSwitch) -> None:
        target = _target(switch)
        if target is None:
            return

        cluster = self._cluster

        async def next_election_id(above: int) -> int:
            if cluster is not None:
                return await cluster.next_election_id(target.name, above)
            return election_id_of(await self._blocking.run(self._store.next_election_id, target.name, epoch_of(above)))

        responder = Responder(target.name, self.announcements)
        sampler = Sampler(target.name, self.samples)

        def is_ready() -> bool:
            return self._fleet.session_of(target.name) is not None

        def is_ready_elsewhere() -> bool:
            return cluster is not None and cluster.is_ready_elsewhere(target.name)

        discovery = Discovery(target.name, self._links, is_ready, self._link_options, is_ready_elsewhere)

        def on_packet(name: str, packet: Packet) -> None:
            sampler.offer(packet)
            if not responder.offer(packet) and not discovery.offer(packet) and self._on_packet is not None:
                self._on_packet(name, packet)

        agent = Agent(
            target,
            self.pipeline,
            next_election_id,
            standby_id=None if cluster is None else cluster.standby_id,
            catch_up=None if self._membership is None else partial(self._membership.catch_up, target.name),
            current_revision=partial(self._fleet.revision_of, target.name),
            on_change=partial(self._agent_changed, target.name),
            on_packet=on_packet,
            on_ports=self._links.set_ports,
            rollout=self._rollout,
            pace=self._pace,
            options=self._options,
        )
        tasks = (
            asyncio.create_task(self._supervise(agent), name=target.name),
            asyncio.create_task(responder.run(agent.packet_out), name=f"{target.name} responder"),
            asyncio.create_task(discovery.run(agent.packet_out), name=f"{target.name} discovery"),
        )
        self._fleet.add(target.name, Running(agent, responder, sampler, tasks))

    async def _remove(self, name: str) -> None:
        await self._fleet.remove(name)
        self.origins.forget([name])
        self._log.info("let go", switch=name)

    async def _supervise(self, agent: Agent) -> None:
        """Run an agent for ever; a bug in it, or a database that is away, must not leave its switch alone for good."""
        log = structlog.get_logger().bind(switch=agent.target.name)
        while True:
            try:
                await agent.run()
            except StoreError as error:
                log.error("no election id", reason=str(error))
            except Exception:
                log.exception("unexpected error, please report it")
            await asyncio.sleep(self._feed_interval)

    async def _release_identifiers(self) -> None:
        """Free numbers that no switch can hold any more; who has moved is known everywhere by then."""
        behind = (self._fleet.status_of(name).realised_revision for name in self._fleet.behind)
        elsewhere = self._fleet.revision_elsewhere()
        compiled = self._progress.compiled_revision
        whole = compiled if elsewhere is None else min(compiled, elsewhere)
        realised = min((whole, *behind))
        self._relocation.acknowledge(realised)
        if self._is_new_whole and realised == compiled:
            garbage.keep()
            self._is_new_whole = False
        if realised > self._released_revision and time.monotonic() >= self._release_due:
            await self._blocking.run(self._store.release_retired, realised)
            self._released_revision = realised
            self._release_due = time.monotonic() + self._feed_interval


def _compile_all(of: Input) -> Compilation:
    with garbage.paused():
        return compile_all(of)


def _target(switch: ModelSwitch | None) -> Target | None:
    return None if switch is None else Target(switch.name, switch.p4runtime, switch.device_id)

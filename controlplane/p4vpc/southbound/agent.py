# SPDX-License-Identifier: Apache-2.0
"""One agent per switch: keeps the switch at its desired state, whatever happens to either of them.

An agent connects, arbitrates, makes sure of the pipeline, reads back what the switch holds, and from then on writes the
difference whenever there is one. The picture it has of the switch (`Image`) lives as long as the session: after
every reconnect it is read anew, so a restarted switch is filled again and a restarted controller finds nothing to do.
Meanwhile the switch is inspected, one table after the other (`Inspector`): what has been changed behind our back, or
lost, is put right; what gets lost again is reported like a refusal.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from dataclasses import dataclass

import structlog
from finsy import GRPCStatusCode
from finsy.proto import p4r

from p4vpc.compiler.entries import DesiredState, Entry, Identity, table_of
from p4vpc.errors import SouthboundError
from p4vpc.persistent import PersistentMap
from p4vpc.reconcile import Batch, Change, LeftOut, Operation, Plan, plan, plan_some
from p4vpc.reconcile.planner import DEFAULT_BATCH_SIZE
from p4vpc.southbound import quirks
from p4vpc.southbound.codec import Codec
from p4vpc.southbound.describe import describe
from p4vpc.southbound.image import Image
from p4vpc.southbound.inspection import Pace
from p4vpc.southbound.inspector import Inspector
from p4vpc.southbound.match_codec import EncodeError
from p4vpc.southbound.packets import Packet, decode_packet_in, encode_packet_out
from p4vpc.southbound.pipeline import Pipeline
from p4vpc.southbound.readback import (
    holds_anything,
    read_entries,
)
from p4vpc.southbound.refusals import Refusal, Refusals, left_out_problems
from p4vpc.southbound.rollout import Rollout
from p4vpc.southbound.rpc import RpcError, UpdateError
from p4vpc.southbound.session import ElectionIdUselessError, Listener, Session, connect
from p4vpc.southbound.status import PipelineState, PortStates, SwitchProblem, SwitchState, SwitchStatus
from p4vpc.southbound.tls import SwitchTls

_BATCHES_BETWEEN_LOOKS = 20
"""A long plan is dropped for a newer one after so many batches; a short one is finished, so that revisions settle."""


class NotConnectedError(SouthboundError):
    """The switch cannot be asked at the moment."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a switch is."""

    name: str
    address: str
    device_id: int


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """Times in seconds.

    Attributes:
        batch_size: most updates in one write.
        first_backoff, last_backoff: pause before the second attempt to connect, and the longest pause.
        probe_interval: how often an idle switch is asked whether it is still there, with the same pipeline.
        inspection_round: in this time, or more slowly if there are many switches, each table is read once, to find
            what was changed behind our back; 0: never.
        tls: how every switch is reached; None: in the clear.
    """

    batch_size: int = DEFAULT_BATCH_SIZE
    first_backoff: float = 0.1
    last_backoff: float = 3.0
    probe_interval: float = 10.0
    inspection_round: float = 300.0
    tls: SwitchTls | None = None


class Agent:
    """Keeps one switch at its desired state; `run` does the work.

    Args:
        target: the switch.
        pipeline: what it shall run.
        next_election_id: of the store; each is higher than all before, and than the one that it is given.
        standby_id: the agent stands by until it is told to `own` the switch, with this election id, lower than that of
            any owner; None: the switch is its own from the start.
        catch_up: waited for once we are primary in place of another owner, who can write no more: returns when what is
            desired is no older than what that one may have written. No switch ever goes back.
        current_revision: the last one that every switch has been given which it concerns: a switch that is not
            concerned is told nothing, and is as far as that.
        on_change: called, on the event loop, when `status` has changed in anything but mere counts.
        on_packet: called with the switch's name and each packet-in.
        on_ports: called with the switch's name and the state of all its ports, whenever it tells them.
        rollout: whom to ask before the pipeline of a switch is replaced by another one.
        pace: of inspection, shared by all agents.
    """

    def __init__(
        self,
        target: Target,
        pipeline: Pipeline,
        next_election_id: Callable[[int], Awaitable[int]],
        *,
        standby_id: int | None = None,
        catch_up: Callable[[], Awaitable[None]] | None = None,
        current_revision: Callable[[], int] = lambda: 0,
        on_change: Callable[[], None] = lambda: None,
        on_packet: Callable[[str, Packet], None] | None = None,
        on_ports: Callable[[str, Mapping[int, bool]], None] = lambda name, is_up: None,
        rollout: Rollout | None = None,
        pace: Pace | None = None,
        options: AgentOptions | None = None,
    ):
        self.target = target
        self._pipeline = pipeline
        self._next_election_id = next_election_id
        self._standby_id = standby_id
        self._election_id: int | None = None
        self._catch_up = catch_up
        self._is_caught_up = standby_id is None
        self._term = 0
        self._current_revision = current_revision
        self._on_change = on_change
        self._on_packet = on_packet
        self._on_ports = on_ports
        self._rollout = rollout or Rollout()
        self._options = options or AgentOptions()
        self._log = structlog.get_logger().bind(switch=target.name)
        self._wake = asyncio.Event()
        self._desired: DesiredState | None = None
        self._differing: set[Identity] | None = None
        self._session: Session | None = None
        self._image: Image | None = None
        self._codec = pipeline.codec
        self._cookie = 0
        self._had_pipeline = False
        self._inspector = Inspector(
            target.name,
            pipeline,
            pace or Pace(),
            self._options.inspection_round,
            image=lambda: self._image,
            on_drift=self._wake.set,
            on_unreadable=self._report_unreadable,
        )
        self._refusals = Refusals()
        self._left_out: tuple[LeftOut, ...] = ()
        self._left_out_problems: tuple[SwitchProblem, ...] = ()
        self._state = SwitchState.DISCONNECTED
        self._pipeline_state = PipelineState.UNKNOWN
        self._port_states = PortStates.UNKNOWN
        self._changed_revision = self._settled_revision = self._realised_revision = 0
        self._updates_written = self._updates_refused = self._connections = self._packets_in = 0
        self._error = ""

    @property
    def status(self) -> SwitchStatus:
        """The switch at this moment."""
        return self._status(self._reached)

    @property
    def own_status(self) -> SwitchStatus:
        """The same, without what is true only as long as no revision concerns the switch."""
        return self._status(lambda revision: revision)

    def _status(self, reached: Callable[[int], int]) -> SwitchStatus:
        schema = self._pipeline.info.schema
        return SwitchStatus(
            name=self.target.name,
            address=self.target.address,
            state=self._state,
            pipeline=self._pipeline_state,
            desired_revision=reached(self._desired.revision if self._desired is not None else 0),
            changed_revision=self._changed_revision,
            settled_revision=reached(self._settled_revision),
            realised_revision=reached(self._realised_revision),
            entries=0 if self._image is None else len(self._image),
            updates_written=self._updates_written,
            updates_refused=self._updates_refused,
            connections=self._connections,
            packets_in=self._packets_in,
            rounds_inspected=self._inspector.rounds,
            entries_drifted=self._inspector.entries_drifted,
            problems=(*self._left_out_problems, *self._refusals.problems(schema)),
            port_states=self._port_states,
            error=self._error or (self._rollout.describe() if self._pipeline_state is PipelineState.OUTDATED else ""),
        )

    def _reached(self, revision: int) -> int:
        """What a revision amounts to when those that do not concern the switch count too."""
        is_last = self._desired is not None and revision >= self._desired.revision
        return max(revision, self._current_revision()) if is_last else revision

    @property
    def given_revision(self) -> int:
        """The revision of what the switch shall hold; 0 if nobody has said."""
        return 0 if self._desired is None else self._desired.revision

    @property
    def is_realised(self) -> bool:
        """Whether the switch shows all that it was ever meant to."""
        return self._desired is not None and self._realised_revision >= self._desired.revision

    def has_settled(self, revision: int) -> bool:
        """As `status` says it, without making one."""
        return self._has_reached(self._settled_revision, revision)

    def has_realised(self, revision: int) -> bool:
        """As `status` says it, without making one."""
        return self._has_reached(self._realised_revision, revision)

    def _has_reached(self, reached: int, revision: int) -> bool:
        is_told = self._desired is not None and self._reached(self._desired.revision) >= revision
        return is_told and self._reached(reached) >= min(revision, self._changed_revision)

    @property
    def ready_session(self) -> int | None:
        """The number of the session in which packets go out and come in; None if there is none now."""
        return self._connections if self._state is SwitchState.READY else None

    @property
    def held(self) -> Mapping[Identity, Entry] | None:
        """A copy of what the switch holds, as far as it has acknowledged it; None if that is not known now."""
        image = self._image
        return None if image is None or image.is_stale else dict(image)

    @property
    def is_looked_at(self) -> bool:
        """Whether the ports' states have been asked for, with whatever success."""
        return bool(self._error) or self._port_states is not PortStates.UNKNOWN

    @property
    def is_owner(self) -> bool:
        """Whether the switch is ours to write to, as far as the store knows."""
        return self._standby_id is None or self._election_id is not None

    @property
    def is_deposed(self) -> bool:
        """Whether the switch obeys another controller although it is ours."""
        return self.is_owner and self._state is SwitchState.STANDBY

    def own(self, election_id: int) -> None:
        """Become the switch's primary, with an election id that the store has given."""
        self._election_id = election_id
        self._forget()

    def stand_by(self) -> None:
        """Leave the switch to another owner. The session stays open; the switch refuses what is on its way."""
        self._election_id = None
        self._forget()
        self._rollout.withdraw(self.target.name)

    def _forget(self) -> None:
        """What the switch holds has been, or may be, another's work."""
        self._term += 1
        self._is_caught_up = self._standby_id is None
        self._image = self._differing = None
        self._settled_revision = self._realised_revision = 0
        self._changed_revision = self._desired.revision if self._desired is not None else 0
        self.wake()
        self._on_change()

    def wake(self) -> None:
        """See whether there is anything to do now."""
        self._wake.set()

    def set_desired(self, desired: DesiredState) -> None:
        """What the switch shall hold from now on. A state with the same entries costs nothing."""
        before, self._desired = self._desired, desired
        if not self.is_owner:
            self._changed_revision = desired.revision
            return
        differing = None if before is None else _differing(before, desired)
        if differing is None or self._differing is None:
            self._differing = None if differing is None or differing else self._differing
        else:
            self._differing |= differing
        if before is None or differing is None or differing:
            self._changed_revision = desired.revision
            # The same revision may come again with other entries: over other paths, or with redirects.
            before_it = max(desired.revision - 1, 0)
            self._settled_revision = min(self._settled_revision, before_it)
            self._realised_revision = min(self._realised_revision, before_it)
            self._wake.set()
        else:
            if self._settled_revision >= before.revision:
                self._settled_revision = desired.revision
            if self._realised_revision >= before.revision:
                self._realised_revision = desired.revision
        self._on_change()

    async def packet_out(self, packet: Packet) -> None:
        """Send a packet through the switch.

        Raises:
            NotConnectedError: there is no session.
            EncodeError: the metadata does not fit the pipeline.
            RpcError: the session has just ended.
        """
        session = self.session()
        if not self.is_owner or not session.is_primary:
            raise NotConnectedError(f"switch {self.target.name} is another controller's")
        await session.packet_out(encode_packet_out(packet, self._pipeline.info))

    def session(self) -> Session:
        """The open session, for readers.

        Raises:
            NotConnectedError: there is none.
        """
        if self._session is None:
            raise NotConnectedError(f"switch {self.target.name} is not connected: {self._error or 'not yet tried'}")
        return self._session

    @property
    def codec(self) -> Codec:
        """What entries are written and read by in the session that there is, or was last."""
        return self._codec

    async def run(self) -> None:
        """Work until cancelled. Whatever goes wrong with the switch is reported and tried again."""
        try:
            await self._run()
        finally:
            self._rollout.withdraw(self.target.name)

    async def _run(self) -> None:
        if self._standby_id is None:
            self._election_id = await self._next_election_id(0)
        backoff = self._options.first_backoff
        while True:
            connections = self._connections
            try:
                await self._run_session()
            except ElectionIdUselessError as error:
                self._disconnected(str(error))
                term = self._term
                if self._election_id is not None:
                    election_id = await self._next_election_id(error.highest)
                    self._election_id = election_id if self._term == term else self._election_id
            except SouthboundError as error:
                self._disconnected(str(error))
            backoff = self._options.first_backoff if self._connections > connections else backoff
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(backoff):
                    await asyncio.Event().wait()
            backoff = min(self._options.last_backoff, backoff * 2)

    def _disconnected(self, error: str) -> None:
        if self._state is not SwitchState.DISCONNECTED or error != self._error:
            self._log.warning("disconnected", reason=error)
        self._rollout.failed(self.target.name, error)
        self._session = None
        self._image = None
        self._error = error
        self._pipeline_state = PipelineState.UNKNOWN
        self._port_states = PortStates.UNKNOWN
        self._change_state(SwitchState.DISCONNECTED)

    def _change_state(self, state: SwitchState) -> None:
        self._state = state
        self._on_change()

    async def _run_session(self) -> None:
        """From connecting until the session ends, which is always an error."""
        listener = Listener(packet=self._packet_in, role=self._wake.set)
        target, tls = self.target, self._options.tls
        election_id = self._election_id if self._election_id is not None else self._standby_id or 0
        async with connect(
            *(target.address, target.device_id, election_id, listener), is_candidate=self.is_owner, tls=tls
        ) as session:
            self._log.info("connected", address=self.target.address, election_id=f"{election_id:#x}")
            await self._choose_codec(session)
            self._session = session
            self._connections += 1
            self._error = ""
            self._refusals.try_now()
            work = asyncio.create_task(self._work(session))
            closed = asyncio.create_task(session.closed())
            ports = asyncio.create_task(self._follow_ports(session))
            inspection = asyncio.create_task(self._inspector.run(session))
            tasks = (closed, work, ports, inspection)
            try:
                await asyncio.wait((work, closed, inspection), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
            failures = [task.exception() for task in tasks if not task.cancelled()]
            for failure in failures:
                if failure is not None:
                    raise failure

    async def _choose_codec(self, session: Session) -> None:
        """Find out what kind of target the switch is, as far as that makes a difference to what it is written."""
        may_end = self._pipeline.architecture in quirks.ENDS_WITHOUT_MEMBERS
        is_sparing = may_end and not await session.has_gnmi()
        self._codec = self._pipeline.sparing_codec if is_sparing else self._pipeline.codec
        self._inspector.use(self._codec)

    async def _follow_ports(self, session: Session) -> None:
        """Tell the states of ports as long as the session lasts, if the switch has them to tell."""
        backoff = self._options.first_backoff
        while True:
            try:
                async for is_up in session.port_states():
                    backoff = self._options.first_backoff
                    self._on_ports(self.target.name, is_up)
                    self._change_port_states(PortStates.FOLLOWED)
            except RpcError as error:
                if error.code in quirks.HAS_NONE_CODES:
                    self._log.info("port states are not offered", reason=error.reason)
                    self._change_port_states(PortStates.NOT_OFFERED)
                    return
                self._log.debug("port states lost", reason=str(error))
            await asyncio.sleep(backoff)
            backoff = min(self._options.last_backoff, backoff * 2)

    def _change_port_states(self, states: PortStates) -> None:
        if states is not self._port_states:
            self._port_states = states
            self._on_change()

    def _packet_in(self, message: p4r.PacketIn) -> None:
        self._packets_in += 1
        if self._on_packet is not None:
            self._on_packet(self.target.name, decode_packet_in(message, self._pipeline.info))

    async def _work(self, session: Session) -> None:
        while True:
            self._wake.clear()
            try:
                await self._turn(session)
            except RpcError as error:
                if error.code is not GRPCStatusCode.PERMISSION_DENIED or session.is_primary:
                    raise
                self._log.warning("fenced: another controller is primary", reason=error.reason)
                self._wake.set()
            await self._pause(session)

    async def _turn(self, session: Session) -> None:
        """Whatever there is to do now."""
        election_id, term = self._election_id, self._term
        if election_id is not None and session.election_id != election_id:
            self._log.info("taking over", election_id=f"{election_id:#x}")
            await session.arbitrate(election_id)
        session.is_candidate = self.is_owner
        if not self.is_owner or not session.is_primary:
            if self._state is not SwitchState.STANDBY:
                self._log.info("standing by: another controller is primary")
            self._rollout.withdraw(self.target.name)
            self._image = None
            self._change_state(SwitchState.STANDBY)
            return
        if not self._is_caught_up and self._catch_up is not None:
            self._change_state(SwitchState.SYNCHRONISING)
            await self._catch_up()
            if self._term != term:
                return
            self._is_caught_up = True
        if self._desired is None:  # it decides how what is read back is compared
            self._change_state(SwitchState.SYNCHRONISING)
            return
        if self._image is None or self._image.is_stale:
            self._change_state(SwitchState.SYNCHRONISING)
            if not await self._ensure_pipeline(session):
                return
            await self._read_back(session, self._desired, term)
            if self._term != term or self._image is None:
                return
        taken = self._inspector.take_drift(self._image)
        if self._differing is not None:
            self._differing |= taken
        await self._reconcile(session, self._image, self._desired)

    async def _read_back(self, session: Session, desired: DesiredState, term: int) -> None:
        found = await read_entries(session, self._codec, desired)
        if self._term != term:  # another owner's turn has come, or ours again
            return
        self._image = Image(found.entries)
        self._differing = None
        self._log.info("read back", entries=len(found.entries))
        self._inspector.forget(found.unreadable)

    def _report_unreadable(self, unreadable: Sequence[tuple[str, str]]) -> None:
        number = len(unreadable)
        error = f"{number} entries make no sense; the first: {unreadable[0][1]}" if number else ""
        if error != self._error:
            if error:
                self._log.error("unreadable entries", number=number, first=unreadable[0][1])
            self._error = error
            self._on_change()

    async def _pause(self, session: Session) -> None:
        """Wait for something to do; ask an idle switch now and then whether it is still there."""
        loop = asyncio.get_running_loop()
        is_ours = self.is_owner and session.is_primary
        retry_at = self._refusals.next_retry() if is_ours else None
        while not self._wake.is_set() and (retry_at is None or loop.time() < retry_at):
            probe_at = loop.time() + self._options.probe_interval
            is_probe = retry_at is None or probe_at < retry_at
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(probe_at if retry_at is None or is_probe else retry_at):
                    await self._wake.wait()
            if is_probe and not self._wake.is_set():
                await self._probe(session)

    async def _probe(self, session: Session) -> None:
        config = await session.pipeline(is_complete=False)
        if session.is_primary and self._image is not None and config.cookie.cookie != self._cookie:
            self._log.warning("somebody has changed the pipeline")
            self._image = None
            self._wake.set()

    async def _ensure_pipeline(self, session: Session) -> bool:
        """Push the pipeline only if the switch does not run it: a push empties all tables.

        Whether it runs the pipeline now; else it is not ours any more.
        """
        config = await session.pipeline(is_complete=False)
        if config.cookie.cookie != self._pipeline.cookie:
            config = await session.pipeline(is_complete=True)
        if self._pipeline.is_same(config):
            self._cookie = config.cookie.cookie
            self._had_pipeline = True
            self._pipeline_state = PipelineState.SAME
            self._log.info("pipeline is there, not pushed", cookie=f"{self._cookie:#x}")
            return True
        is_other = config.HasField("p4info") or bool(config.cookie.cookie)
        is_rollout = is_other and await self._may_lose(session)
        if is_rollout and not await self._is_at_turn():
            return False
        if is_rollout and await session.reconcile_pipeline(self._pipeline):
            self._pipeline_state = PipelineState.RECONCILED
        else:
            found = f"another one, cookie {config.cookie.cookie:#x}" if is_other else "none"
            self._log.warning("pushing pipeline: this empties all tables", found=found)
            await session.push_pipeline(self._pipeline)
            self._pipeline_state = PipelineState.PUSHED
        self._cookie = self._pipeline.cookie
        self._had_pipeline = True
        self._on_change()
        self._log.info("pipeline set", cookie=f"{self._cookie:#x}", how=self._pipeline_state.value)
        return True

    async def _may_lose(self, session: Session) -> bool:
        """Whether the switch forwards anything with its other pipeline: then that is replaced in a roll-out.

        One that had ours already is brought back at once, and so is one that holds no entries.
        """
        return not self._had_pipeline and await holds_anything(session)

    async def _is_at_turn(self) -> bool:
        """Wait for the switch's turn in the roll-out; whether it has come, and the switch is still ours."""
        term = self._term
        self._pipeline_state = PipelineState.OUTDATED
        self._on_change()
        return await self._rollout.turn(self.target.name) and self._term == term

    async def _reconcile(self, session: Session, image: Image, desired: DesiredState) -> None:
        """Write the difference."""
        written, refused = self._updates_written, self._updates_refused
        differing, self._differing = self._differing, None  # whatever goes wrong, we look at everything again
        planned = self._plan(image, desired, differing)
        self._report_left_out(planned.left_out)
        if planned.batches and self._settled_revision >= desired.revision:
            self._settled_revision = self._realised_revision = 0  # it was so, and is so no longer
            self._change_state(self._state)
        for position, batch in enumerate(planned.batches, start=1):
            await self._write(session, image, batch)
            if self._image is not image:  # another owner's turn has come, or ours again
                return
            if position % _BATCHES_BETWEEN_LOOKS == 0 and self._desired is not desired:
                break
        else:
            for change in await self._inspector.verify(session, image, desired):
                self._refuse(change, "it was acknowledged, but not done")
            self._settle(desired, image)
        self._refusals.forget_settled(desired, image)
        if image.is_stale:
            self._wake.set()
        if self._updates_written > written or self._updates_refused > refused:
            self._log.info(
                "tables written",
                revision=desired.revision,
                updates=self._updates_written - written,
                refused=self._updates_refused - refused,
                entries=len(image),
            )
        self._change_state(SwitchState.READY)

    def _plan(self, image: Image, desired: DesiredState, differing: Set[Identity] | None) -> Plan:
        schema, batch_size = self._pipeline.info.schema, self._options.batch_size
        if differing is not None and not self._left_out and not len(self._refusals):
            planned = plan_some(
                differing, desired, image, image.sizes, schema, members=image.members, batch_size=batch_size
            )
            if planned is not None:
                return planned
        wanted = self._refusals.hold_back(desired, image, asyncio.get_running_loop().time())
        return plan(wanted, image, schema, batch_size=batch_size)

    def _settle(self, desired: DesiredState, image: Image) -> None:
        self._refusals.forget_settled(desired, image)
        if image.is_stale:
            return
        # A state that came meanwhile with the same entries is as settled as the one that was written.
        since = set() if self._desired is None else _differing(desired, self._desired)
        self._differing = since
        latest = self._desired if self._desired is not None and since is not None and not since else desired
        self._settled_revision = latest.revision
        if not self._left_out and not len(self._refusals):
            image.settled(desired.entries)
            self._realised_revision = latest.revision
            self._rollout.done(self.target.name)
        else:
            problems = len(self._left_out) + len(self._refusals)
            self._rollout.failed(self.target.name, f"it does not hold {problems} of its entries")

    def _report_left_out(self, left_out: tuple[LeftOut, ...]) -> None:
        known = {item.entry for item in self._left_out}
        for item in left_out:
            if item.entry not in known:
                origins = [str(origin) for origin in item.origins]
                self._log.error(
                    "entry left out",
                    entry=describe(item.entry, self._pipeline.info.schema),
                    origins=origins,
                    reason=item.reason,
                )
        if left_out != self._left_out:
            self._left_out_problems = tuple(left_out_problems(left_out, self._pipeline.info.schema))
        self._left_out = left_out

    async def _write(self, session: Session, image: Image, batch: Batch) -> None:
        """Write one batch; what cannot be encoded is refused without asking the switch."""
        changes: list[Change] = []
        updates: list[bytes] = []
        for change in batch:
            try:
                update = self._codec.update(change.operation, change.entry)
            except EncodeError as error:
                self._refuse(change, str(error))
            else:
                changes.append(change)
                updates.append(update)
        if updates:
            await self._send(session, image, changes, updates)

    async def _send(self, session: Session, image: Image, changes: Sequence[Change], updates: Sequence[bytes]) -> None:
        """Send updates; halves of them if they are refused as a whole, until it is clear which one is meant."""
        self._inspector.sending(changes)
        try:
            errors = await session.write(updates)
        except RpcError as error:
            if not error.is_about_the_request:
                raise
            if len(updates) > 1:
                middle = len(updates) // 2
                await self._send(session, image, changes[:middle], updates[:middle])
                await self._send(session, image, changes[middle:], updates[middle:])
                return
            errors = {0: UpdateError(error.code, error.reason)}
        finally:
            self._inspector.sent()
        self._updates_written += len(changes) - len(errors)
        done = changes if not errors else [it for position, it in enumerate(changes) if position not in errors]
        image.written(done)
        for position, error_of_update in errors.items():
            self._failed(image, changes[position], error_of_update)
        if len(self._refusals):
            self._refusals.try_now({table_of(it.entry) for it in done if it.operation is Operation.DELETE})

    def _failed(self, image: Image, change: Change, error: UpdateError) -> None:
        if error.code is GRPCStatusCode.NOT_FOUND and change.operation is Operation.DELETE:
            image.drop(change.entry.identity)
            return
        refusal = self._refuse(change, str(error))
        is_contradiction = error.code in (GRPCStatusCode.NOT_FOUND, GRPCStatusCode.ALREADY_EXISTS)
        # Reading everything again does not help twice; what helps later is found by inspection.
        image.is_stale |= is_contradiction and (refusal.attempts == 1 or not self._options.inspection_round)

    def _refuse(self, change: Change, reason: str) -> Refusal:
        self._updates_refused += 1
        refusal = self._refusals.add(change, reason, asyncio.get_running_loop().time())
        log = self._log.error if refusal.attempts == 1 else self._log.debug
        origins = [str(origin) for origin in change.origins]
        log(
            "update refused",
            operation=change.operation.name.lower(),
            entry=describe(change.entry, self._pipeline.info.schema),
            origins=origins,
            reason=reason,
        )
        return refusal


def _differing(before: DesiredState, after: DesiredState) -> set[Identity] | None:
    """Return the identities under which two states differ; None if it is unknown which, but some do."""
    if before is after:
        return set()
    one, other = before.entries, after.entries
    if isinstance(one, PersistentMap) and isinstance(other, PersistentMap) and other.is_of_lineage(one):
        return set(other.differing_from(one))
    return set() if one == other else None

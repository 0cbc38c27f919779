# SPDX-License-Identifier: Apache-2.0
"""What an agent tells about its switch."""

from dataclasses import dataclass, field
from enum import StrEnum

from p4vpc.compiler.entries import Origin


class SwitchState(StrEnum):
    """Where an agent is with its switch."""

    DISCONNECTED = "disconnected"
    STANDBY = "standby"
    SYNCHRONISING = "synchronising"
    READY = "ready"


class PipelineState(StrEnum):
    """What the agent found on the switch, or did about it, since it connected.

    OUTDATED: another one runs there, and waits for its turn to be replaced; RECONCILED: replaced, and the entries kept.
    """

    UNKNOWN = "unknown"
    SAME = "same"
    OUTDATED = "outdated"
    RECONCILED = "reconciled"
    PUSHED = "pushed"


class PortStates(StrEnum):
    """Whether the switch tells its port states (gNMI), as far as is known since it connected."""

    UNKNOWN = "unknown"
    FOLLOWED = "followed"
    NOT_OFFERED = "not_offered"


@dataclass(frozen=True, slots=True)
class SwitchProblem:
    """Something desired that the switch does not have (or something undesired that it has), and why.

    Attributes:
        entry: table, key and action in words.
        origins: the intent objects that ask for it.
        reason: what the switch said, or what was found before it was asked.
    """

    table: str
    entry: str
    origins: tuple[Origin, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class SwitchStatus:
    """One switch at one moment.

    Attributes:
        desired_revision: what the switch is meant to be at.
        changed_revision: the last revision that wants anything else on this switch than the one before it.
        settled_revision: the last one after which there was nothing left to write but what is refused.
        realised_revision: the last one of which the switch shows everything.
        entries: table entries, multicast groups and configured meter cells on the switch; constant and
            default entries not counted.
        updates_written: updates that the switch accepted since this controller started.
        updates_refused: updates that it refused, or that were held back as it could only refuse them.
        connections: sessions opened since this controller started.
        packets_in: packets received from the switch since this controller started.
        rounds_inspected: how often each table has been read, one after the other, to see whether it is as written.
        entries_drifted: entries that were found to be other than written, since this controller started.
        problems: what keeps the desired revision from being realised.
        port_states: whether its port states are known.
        error: why the switch is disconnected, or what went wrong last; empty if nothing.
    """

    name: str
    address: str
    state: SwitchState = SwitchState.DISCONNECTED
    pipeline: PipelineState = PipelineState.UNKNOWN
    desired_revision: int = 0
    changed_revision: int = 0
    settled_revision: int = 0
    realised_revision: int = 0
    entries: int = 0
    updates_written: int = 0
    updates_refused: int = 0
    connections: int = 0
    packets_in: int = 0
    rounds_inspected: int = 0
    entries_drifted: int = 0
    problems: tuple[SwitchProblem, ...] = field(default=())
    port_states: PortStates = PortStates.UNKNOWN
    error: str = ""

    @property
    def is_connected(self) -> bool:
        """Whether there is a session, as primary or not."""
        return self.state is not SwitchState.DISCONNECTED

    def has_settled(self, revision: int) -> bool:
        """Whether nothing that `revision` wants is still to be tried."""
        return self.desired_revision >= revision and self.settled_revision >= min(revision, self.changed_revision)

    def has_realised(self, revision: int) -> bool:
        """Whether the switch shows everything that `revision` wants."""
        return self.desired_revision >= revision and self.realised_revision >= min(revision, self.changed_revision)

# SPDX-License-Identifier: Apache-2.0
"""What executes the pipeline for a trace: a plug-in, as the controller itself knows no target from inside.

A plug-in is an entry point of the group `p4vpc.tracers`: a callable without arguments that returns a `Tracer`. The
distribution brings one, `p4vpc_tracer`, which runs the engine of softswitch. ADR 26.
"""

from collections.abc import Iterable
from importlib.metadata import entry_points
from typing import Literal, NamedTuple, Protocol, TypeAlias

from p4vpc.compiler.entries import Entry, Identity
from p4vpc.errors import Problem, UserError

GROUP = "p4vpc.tracers"

StepKind: TypeAlias = Literal[
    "parse", "error", "ingress", "table", "action", "member", "condition", "copy", "egress", "log", "drop", "output"
]


class TracerMissingError(UserError):
    """Nothing is installed that can execute the pipeline."""


class Step(NamedTuple):
    """One thing that a switch has done with a packet.

    Attributes:
        kind: `parse`: a parser state; `error`: of the parser; `ingress`, `egress`: a pass begins; `table`: a lookup;
            `action`; `member`: a choice of an action selector; `condition`; `copy`: `clone`, `multicast`, `resubmit`,
            `recirculate`; `log`: a message; `drop`: the pass ends without a frame; `output`: it ends with one.
        name: of the parser state, table, action, selector, or kind of copy; text of a condition or message.
        detail: `hit` or `miss` of a table; the table of an action; `true` or `false`; else for people.
        key: what a table was asked for, field by field.
        args: of an action; (session, replicas) of a clone; (port,) of `egress` and `output`.
        identity: of the entry that was hit, if the control plane has written it.
    """

    kind: StepKind
    name: str = ""
    detail: str = ""
    key: tuple[int, ...] = ()
    args: tuple[int, ...] = ()
    identity: Identity | None = None


class Processed(NamedTuple):
    """What a switch did with a frame: the steps in their order, and (port, frame) of each `output` in theirs."""

    steps: tuple[Step, ...]
    outputs: tuple[tuple[int, bytes], ...]


class LoadedSwitch(Protocol):
    """A switch that holds some entries, and remembers what packets leave behind: records of flows."""

    def process(self, port: int, frame: bytes) -> Processed:
        """Receive a frame; whatever frame it is, nothing is raised."""


class Tracer(Protocol):
    """Makes switches that exist nowhere. Used by one thread at a time."""

    def load(self, device_config: bytes, entries: Iterable[Entry]) -> LoadedSwitch:
        """Return a switch that runs a pipeline and holds these entries, with no packet seen yet.

        Args:
            device_config: of the pipeline, as targets of the architecture v1model take it (JSON of p4c).
            entries: what it holds.

        Raises:
            TracerMissingError: this one cannot execute the pipeline.
            InternalError: an entry does not fit the pipeline.
        """


def find_tracer() -> Tracer:
    """The plug-in that is installed, the first by name if there are several.

    Raises:
        TracerMissingError: there is none, or it cannot be imported.
    """
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            tracer: Tracer = point.load()()
        except ImportError as error:
            raise _missing(f"the tracer {point.value} cannot be imported: {error}") from None
        return tracer
    raise _missing("no tracer is installed beside this controller")


def _missing(message: str) -> TracerMissingError:
    remedy = f"install p4vpc as a whole, with p4vpc_tracer and softswitch (entry point group {GROUP}), and start again"
    return TracerMissingError(Problem("", "", message, remedy))

# SPDX-License-Identifier: Apache-2.0
"""What targets do differently from the P4Runtime specification, and what we do about it. All of it is here.

- `simple_switch_grpc` keeps no memory of past election ids: while nobody else is connected any id is primary, and when
  the primary leaves, the next backup is told OK with its own, lower id instead of NOT_FOUND. So "OK" means primary only
  if the id in the message is our own (`is_primary`).
- It closes the stream with INVALID_ARGUMENT, not with an arbitration message, if an election id is in use
  (`is_election_id_taken`).
- It answers a read of all tables with one message, whatever its size; so there is no limit on what we receive
  (`CHANNEL_OPTIONS`). It has no atomic writes, so none are asked for.
- It takes a range from 0 to 255, shortest form, for the whole range of any field, and refuses it as a don't care that
  was not left out; so the end of a range is written in the field's full width (`match_codec`), which every target
  accepts.
- It says NOT_FOUND, FAILED_PRECONDITION or nothing at all if no pipeline is set (`NO_PIPELINE_CODES`).
- A write that fails for many updates answers with a status for each in the trailing metadata, far more than gRPC
  accepts by default (`CHANNEL_OPTIONS`).
- gRPC servers with default settings cut off a client that sends keepalive pings more often than every five minutes; so
  a dead peer is found with a cheap call instead (`Agent` asks for the pipeline's cookie now and then).
- `simple_switch_grpc` divides by the number of active members of a group: if all watched ports are down, the next
  packet for it ends the process (SIGFPE). So a single next hop watches no port (`compiler.underlay`), and of several
  one does not (`spare`). It does not say what it is, so any target of its architecture that answers no gNMI
  Capabilities, as it does not however it was built, is taken for one (`ENDS_WITHOUT_MEMBERS`).
- Not every target has multicast groups, clone sessions, or meters; one that has none says UNIMPLEMENTED when they are
  read (`HAS_NONE_CODES`).
- `simple_switch_grpc` cuts no copies: it refuses a clone session with a length, which is then told as a problem of the
  mirror that has `max_bytes`.
- `simple_switch_grpc` keeps rates of meters as floating point numbers per microsecond and cuts off the rest when it
  tells them, so a rate may come back one lower than it was written (`is_same_meter`). A target that rounds more
  coarsely gets its meters written again after each reconnect, once: from then on we go by what we wrote.
- Wildcard reads of DirectCounterEntry come back without priorities, and not at all for all tables at once; so counters
  are read with their table entries (`counters`).
"""

from finsy import GRPCStatusCode
from finsy.proto import U128, p4r

from p4vpc.compiler.entries import MeterEntry

MAX_METADATA_BYTES = 4 * 1024 * 1024

CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
    # The agent backs off by itself; the channel shall try when the agent tries.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.use_local_subchannel_pool", 1),
)

NO_PIPELINE_CODES = frozenset({GRPCStatusCode.FAILED_PRECONDITION, GRPCStatusCode.NOT_FOUND})

ENDS_WITHOUT_MEMBERS = frozenset({"v1model"})
"""Architectures of which a target that has no gNMI may end when all members of a group are down."""

HAS_NONE_CODES = frozenset({GRPCStatusCode.UNIMPLEMENTED})

CANNOT_RECONCILE_CODES = frozenset(
    {GRPCStatusCode.UNIMPLEMENTED, GRPCStatusCode.INVALID_ARGUMENT, GRPCStatusCode.FAILED_PRECONDITION}
)


def is_primary(update: p4r.MasterArbitrationUpdate, election_id: int) -> bool:
    """Whether `update` says that the holder of `election_id` may write."""
    return update.status.code == GRPCStatusCode.OK and U128.decode(update.election_id) == election_id


def is_election_id_taken(code: GRPCStatusCode, message: str) -> bool:
    """Whether the stream was closed because another connection uses our election id."""
    return code == GRPCStatusCode.INVALID_ARGUMENT and "election id" in message.lower()


def is_same_meter(have: MeterEntry, want: MeterEntry) -> bool:
    """Whether a cell that was read is what writing `want` leads to, on a target that cuts off rates."""
    rates = ((have.cir, want.cir), (have.pir, want.pir))
    return (
        have.identity == want.identity
        and (have.cburst, have.pburst) == (want.cburst, want.pburst)
        and all(wanted - told in (0, 1) for told, wanted in rates)
    )

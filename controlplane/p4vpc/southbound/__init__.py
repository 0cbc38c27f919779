# SPDX-License-Identifier: Apache-2.0
"""P4Runtime: one agent per switch that keeps it at its desired state.

`agent` owns the life of a switch, `session` one connection, `port_states` what gNMI tells, `pipeline` what the switches
run, `codec` entries as messages, `spare` groups that must not run empty, `readback` what switches hold and count,
`inspection` whether they still hold it (`inspector` when to look), `refusals` what they would not take, `rollout` who
gets a new pipeline when, `quirks` where targets differ.
"""

from p4vpc.southbound.agent import Agent, AgentOptions, NotConnectedError, Target
from p4vpc.southbound.codec import Codec
from p4vpc.southbound.inspection import Pace
from p4vpc.southbound.match_codec import DecodeError, EncodeError
from p4vpc.southbound.p4info import PipelineError
from p4vpc.southbound.packets import Packet
from p4vpc.southbound.pipeline import Pipeline
from p4vpc.southbound.readback import CounterReading, read_counters
from p4vpc.southbound.rollout import Rollout
from p4vpc.southbound.rpc import RpcError
from p4vpc.southbound.status import PipelineState, PortStates, SwitchProblem, SwitchState, SwitchStatus
from p4vpc.southbound.tls import SwitchTls

__all__ = (
    "Agent",
    "AgentOptions",
    "Codec",
    "CounterReading",
    "DecodeError",
    "EncodeError",
    "NotConnectedError",
    "Pace",
    "Packet",
    "Pipeline",
    "PipelineError",
    "PipelineState",
    "PortStates",
    "Rollout",
    "RpcError",
    "SwitchProblem",
    "SwitchState",
    "SwitchStatus",
    "SwitchTls",
    "Target",
    "read_counters",
)

# SPDX-License-Identifier: Apache-2.0
"""Run-time state of one switch: tables, groups, counters, and the packet path over them.

Synchronous and single-threaded: the owner calls everything from one thread, and a change takes effect
between two packets.
"""

from softswitch.runtime.entries import (
    ActionCall,
    ActionInfo,
    ActionRef,
    ActionSet,
    Entry,
    GroupRef,
    KeyField,
    MatchKind,
    MatchValue,
    MemberRef,
    WeightedAction,
)
from softswitch.runtime.externs import Counter, Digest, Meter, MeterConfig, Register, ValueSet
from softswitch.runtime.profile import ActionProfile, Group, GroupMember, Member
from softswitch.runtime.replication import CloneSession, CloneSessions, MulticastGroups, Replica
from softswitch.runtime.switch import Switch
from softswitch.runtime.table import Table
from softswitch.runtime.trace import Trace, TraceStep

__all__ = [
    "ActionCall",
    "ActionInfo",
    "ActionProfile",
    "ActionRef",
    "ActionSet",
    "CloneSession",
    "CloneSessions",
    "Counter",
    "Digest",
    "Entry",
    "Group",
    "GroupMember",
    "GroupRef",
    "KeyField",
    "MatchKind",
    "MatchValue",
    "Member",
    "MemberRef",
    "Meter",
    "MeterConfig",
    "MulticastGroups",
    "Register",
    "Replica",
    "Switch",
    "Table",
    "Trace",
    "TraceStep",
    "ValueSet",
    "WeightedAction",
]

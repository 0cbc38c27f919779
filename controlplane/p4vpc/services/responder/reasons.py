# SPDX-License-Identifier: Apache-2.0
"""The drop reasons that the responder serves: numbers of docs/architecture.md, Contract 1, which never change."""

from enum import IntEnum

FIRST_TRAP_REASON = 128
"""Packet-ins from here on come from `traps`, not from a drop, and are for others."""


class Reason(IntEnum):
    """Why a packet is here."""

    TTL = 8
    TO_GATEWAY = 19
    TOO_BIG = 30
    LEARN = 33
    ROUTER_SOLICITATION = 36

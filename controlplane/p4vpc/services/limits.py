# SPDX-License-Identifier: Apache-2.0
"""How much one tenant may take, so that there is something left for the others. Operators are not limited."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from p4vpc.errors import Problem, UserError
from p4vpc.intent import Intent, NetworkAcl, ObjectId, SecurityGroup
from p4vpc.services.access import Principal, tenant_of
from p4vpc.store import Change, Put, Snapshot


class LimitError(UserError):
    """The tenant has as much as it may have."""


@dataclass(frozen=True, slots=True)
class TenantLimits:
    """For each tenant.

    Attributes:
        objects: most objects, the tenant itself included.
        rules: most rules of its security groups and network ACLs together.
        requests_per_second, burst: request rate of all its tokens, and how many requests may come at once.
        body_bytes: longest request body.
        streams: most streams of changes at a time.
    """

    objects: int = 20_000
    rules: int = 20_000
    requests_per_second: float = 50.0
    burst: int = 200
    body_bytes: int = 4 * 1024 * 1024
    streams: int = 20


def check_limits(limits: TenantLimits, caller: Principal, changes: Sequence[Change], snapshot: Snapshot) -> None:
    """Refuse changes that make a tenant larger than it may be. What makes it smaller is always taken.

    Raises:
        LimitError: all limits that are exceeded.
    """
    if caller.tenant is None:
        return
    own = {it: stored.object for it, stored in snapshot.objects.items() if tenant_of(it) == caller.tenant}
    before = _sizes(own)
    for change in changes:
        if isinstance(change, Put):
            own[change.id] = change.object
        else:
            own.pop(change.id, None)
    after = _sizes(own)
    problems = [
        Problem(
            f"tenant {caller.tenant}",
            "",
            f"would have {after[name]} {name}, and may have {most}",
            "delete what is not needed, or ask the operator",
        )
        for name, most in (("objects", limits.objects), ("rules", limits.rules))
        if after[name] > most and after[name] > before[name]
    ]
    if problems:
        raise LimitError(problems)


def _sizes(objects: Mapping[ObjectId, Intent]) -> dict[str, int]:
    return {"objects": len(objects), "rules": sum(_rules(objects.values()))}


def _rules(objects: Iterable[Intent]) -> Iterable[int]:
    for intent in objects:
        if isinstance(intent, SecurityGroup):
            yield len(intent.rules)
        elif isinstance(intent, NetworkAcl):
            yield len(intent.inbound or ()) + len(intent.outbound or ())


class RequestRates:
    """A token bucket for each tenant.

    Args:
        limits: rate and burst.
        clock: in seconds; never goes back.
    """

    def __init__(self, limits: TenantLimits, clock: Callable[[], float] = time.monotonic):
        self._limits = limits
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait_of(self, tenant: str) -> float:
        """Count a request; 0 if it may be served, else in how many seconds one may be."""
        now = self._clock()
        left, then = self._buckets.get(tenant, (float(self._limits.burst), now))
        left = min(float(self._limits.burst), left + (now - then) * self._limits.requests_per_second)
        is_served = left >= 1.0
        self._buckets[tenant] = (left - 1.0 if is_served else left, now)
        return 0.0 if is_served else (1.0 - left) / self._limits.requests_per_second

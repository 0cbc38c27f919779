# SPDX-License-Identifier: Apache-2.0
"""Token buckets: nobody gets more answers than one who asks in good faith needs (RFC 1812 section 4.3.2.8)."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass


@dataclass(slots=True)
class _Bucket:
    """What is in it, as of when."""

    tokens: float
    at: float


class TokenBuckets:
    """A bucket for each key, full at first.

    Args:
        rate: tokens a second that come into each.
        burst: the most that one holds.
        clock: in seconds; never goes back.
        capacity: buckets that are remembered. The one that was not asked for the longest is forgotten first, so it
            is full again: harmless as long as there are more buckets than senders who can flood at a time.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float], capacity: int = 8192):
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._capacity = capacity
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def take(self, key: Hashable) -> bool:
        """Take a token out of a bucket; False if there is none."""
        now = self._clock()
        bucket = self._buckets.setdefault(key, _Bucket(self._burst, now))
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._capacity:
            self._buckets.popitem(last=False)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._rate)
        bucket.at = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

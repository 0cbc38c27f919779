# SPDX-License-Identifier: Apache-2.0
"""When a link that is up again counts as up: after it has been so for a while, a longer while each time it flaps."""

from dataclasses import dataclass


@dataclass(slots=True)
class Damper:
    """Follows one link. Down counts at once; times are in seconds on any clock that never goes back.

    Attributes:
        first_hold, longest_hold: how long the link must be up before it counts, after its first failure and at most.
            Each failure within `longest_hold` of the one before doubles it.
        flaps: failures so far.
    """

    first_hold: float
    longest_hold: float
    flaps: int = 0
    _hold: float = 0.0
    _is_bad: bool = False
    _failed_at: float | None = None
    _good_since: float | None = None

    def observe(self, *, is_bad: bool, now: float) -> None:
        """Tell how the link is."""
        if is_bad and not self._is_bad:
            is_again = self._failed_at is not None and now - self._failed_at <= self._hold + self.longest_hold
            self._hold = min(self._hold * 2, self.longest_hold) if is_again else self.first_hold
            self._failed_at = now
            self.flaps += 1
        elif self._is_bad and not is_bad:
            self._good_since = now
        self._is_bad = is_bad

    @property
    def is_bad(self) -> bool:
        """Whether the link is down, as it was last told."""
        return self._is_bad

    def counts_at(self) -> float | None:
        """When a link that is up again will count; None if it is down, or has never failed."""
        return None if self._is_bad or self._good_since is None else self._good_since + self._hold

    def is_down(self, now: float) -> bool:
        """Whether the link counts as down."""
        counts_at = self.counts_at()
        return self._is_bad or (counts_at is not None and now < counts_at)

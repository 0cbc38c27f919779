# SPDX-License-Identifier: Apache-2.0
"""When a request is sent again.

After 429 nothing has been done. After 503 the database could not be used; whoever asks again for the same gets the
same, but for a new token, whose secret is told only once. What cannot be reached at all is not tried again here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

TOO_MANY_REQUESTS = 429
UNAVAILABLE = 503

_NOT_REPEATED = {("POST", "/v1/tokens")}
_FIRST_PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Retries:
    """How patient a client is.

    Attributes:
        attempts: how often a request is sent at most; 1: never again.
        longest_pause_seconds: of one pause, however long the server asks to wait.
    """

    attempts: int = 5
    longest_pause_seconds: float = 10.0

    def pause(self, attempt: int, method: str, path: str, status: int, headers: Mapping[str, str]) -> float | None:
        """How long to wait before the next attempt; None: there is none.

        Args:
            attempt: the number of the one that was answered, from 1.
            method, path: of the request.
            status, headers: of the answer; its Retry-After (RFC 9110, section 10.2.3) counts if it is in seconds.
        """
        is_again = status == TOO_MANY_REQUESTS or (status == UNAVAILABLE and (method, path) not in _NOT_REPEATED)
        if not is_again or attempt >= self.attempts:
            return None
        asked = headers.get("retry-after", "")
        backoff = _FIRST_PAUSE_SECONDS * float(1 << attempt - 1)
        return min(max(float(asked), backoff) if asked.isdecimal() else backoff, self.longest_pause_seconds)


NO_RETRIES = Retries(attempts=1)

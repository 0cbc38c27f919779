# SPDX-License-Identifier: Apache-2.0
"""How an intent object is named outside of itself."""

from typing import NamedTuple


class ObjectId(NamedTuple):
    """Kind and key of one intent object: ``ObjectId("port", "red/prod/web-1")``."""

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"

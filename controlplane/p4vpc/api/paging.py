# SPDX-License-Identifier: Apache-2.0
"""Pages of a list: how many, and from where on. A cursor is opaque to clients, and good as long as the list exists."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

from fastapi import Query

from p4vpc.api.problems import BadRequestError
from p4vpc.errors import Problem

MAX_PAGE = 1000

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="most items of one page")]
Cursor = Annotated[
    str | None, Query(max_length=400, description="`next` of the page before; together with the same filters")
]


def cursor_after(position: str) -> str:
    """A cursor for what comes after the item of this name."""
    return urlsafe_b64encode(position.encode()).decode().rstrip("=")


def position_of(cursor: str) -> str:
    """The name in a cursor.

    Raises:
        BadRequestError: we have made no such cursor.
    """
    try:
        position = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode("ascii")
    except (ValueError, binascii.Error):
        position = ""
    if not position or cursor_after(position) != cursor or not position.isprintable():
        raise BadRequestError(Problem("", "cursor", "is no cursor of this list", "`next` of the page before", "query"))
    return position

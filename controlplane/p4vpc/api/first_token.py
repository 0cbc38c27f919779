# SPDX-License-Identifier: Apache-2.0
"""The first operator token: made when a database has none, told once, and written where the command line finds it.

The file is on the disk before the token is good: whatever ends the process in between, nobody is locked out.
"""

import asyncio
import os
from pathlib import Path

from p4vpc.errors import Problem, UserError
from p4vpc.services import AccessService
from p4vpc.services.access import new_secret


class TokenFileError(UserError):
    """The file for the first token cannot be written."""


async def create_first_token(access: AccessService, path: Path | None) -> str | None:
    """Make an operator token unless there has ever been a token; its secret, None if there has.

    Raises:
        TokenFileError: `path` cannot be written; no token was made.
        StoreError: the database cannot be used.
    """
    if await access.has_tokens():
        return None
    secret = new_secret()
    if path is not None:
        await asyncio.to_thread(_write, path, secret)
    if not await access.create_first(secret):
        return None  # another controller was faster, and has told its own
    return secret


def _write(path: Path, secret: str) -> None:
    """Write a file that only its owner can read, as a whole."""
    part = path.with_name(f"{path.name}.new")
    try:
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{secret}\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        remedy = "a directory that this process may write to"
        raise TokenFileError(Problem("serve", str(path), f"cannot be written: {error.strerror}", remedy)) from None

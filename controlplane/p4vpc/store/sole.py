# SPDX-License-Identifier: Apache-2.0
"""One controller for a SQLite database: nobody there would tell others who owns which switch.

A lock on a file beside the database, which the system gives back when its holder ends, however that is.
"""

import fcntl
from pathlib import Path
from typing import IO

from p4vpc.errors import StoreError


class SoleUse:
    """Held until it is closed; StoreError if somebody else holds it.

    Args:
        database: the file of the database.
    """

    def __init__(self, database: Path):
        path = database.with_name(f"{database.name}.controller")
        try:
            self._file: IO[bytes] = path.open("ab")
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise StoreError(
                f"another controller works with {database} already: end it, or use PostgreSQL, "
                "which several controllers share (--db postgresql://user:password@host/p4vpc)"
            ) from None

    def close(self) -> None:
        """Let others use it."""
        self._file.close()

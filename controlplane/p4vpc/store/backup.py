# SPDX-License-Identifier: Apache-2.0
"""A copy of a SQLite database that can take its place later."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from p4vpc.errors import Problem, StoreError, UserError

ELECTION_IDS_AHEAD = 1 << 20
"""How far election ids of a copy are ahead: switches refuse a lower one than they have seen since it was made."""


def copy_database(url: str, copy: Path) -> int:
    """Copy a database to a new file, at one revision, while others may write; return the revision.

    The copy is on the disk when this returns, and readable by its owner only.

    Raises:
        UserError: the database is not a SQLite file, or the file cannot be made.
        StoreError: it is none of ours, or cannot be read.
    """
    original = _file_of(url)
    part = copy.with_name(f"{copy.name}.part")
    try:
        if copy.exists():
            raise UserError(Problem("backup", str(copy), "exists", "a new file"))
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise UserError(Problem("backup", str(copy), f"cannot be written: {error.strerror}", "another file")) from None
    try:
        with (
            closing(sqlite3.connect(f"{original.absolute().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(part)) as target,
        ):
            source.backup(target)
            with target:
                target.execute("UPDATE election_ids SET last = last + ?", (ELECTION_IDS_AHEAD,))
            # One file: no journal beside it that could be forgotten.
            target.execute("PRAGMA journal_mode = DELETE")
            (revision,) = target.execute("SELECT coalesce(max(number), 0) FROM revisions").fetchone()
        os.fsync(descriptor)
        part.rename(copy)
    except sqlite3.Error as error:
        part.unlink(missing_ok=True)
        raise StoreError(f"{original} cannot be copied: {error}") from error
    finally:
        os.close(descriptor)
    return int(revision)


def _file_of(url: str) -> Path:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UserError(Problem("backup", "--db", f"{url!r} is no database URL", "sqlite:///p4vpc.db")) from None
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        shown = parsed.render_as_string(hide_password=True)
        raise UserError(Problem("backup", "--db", f"{shown} is no SQLite file", "pg_dump for PostgreSQL"))
    path = Path(parsed.database)
    if not path.is_file():
        raise UserError(Problem("backup", "--db", f"there is no file {path}", "the controller's database"))
    return path

# SPDX-License-Identifier: Apache-2.0
"""Hearing of what other controllers commit, as soon as they do. Whoever misses it finds out by asking."""

import threading
from collections.abc import Callable

from sqlalchemy import URL

from p4vpc.store import postgresql

_RETRY_SECONDS = 1.0
_LOOK_SECONDS = 1.0
"""How often the thread looks whether it shall end."""


class Listening:
    """A thread that listens until it is closed; it connects again when it is cut off.

    Args:
        url: of the database.
        on_news: called in that thread with what the writer said, and with "" when something may have been missed.
    """

    def __init__(self, url: URL, on_news: Callable[[str], None]):
        self._url = url
        self._on_news = on_news
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="p4vpc listening", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, which takes a moment."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        from psycopg import Error  # noqa: PLC0415

        while not self._closing.is_set():
            try:
                with postgresql.connect_to_listen(self._url) as connection:
                    self._on_news("")
                    while not self._closing.is_set():
                        for notification in connection.notifies(timeout=_LOOK_SECONDS):
                            self._on_news(notification.payload)
                            if self._closing.is_set():
                                break
            except Error:
                self._closing.wait(_RETRY_SECONDS)

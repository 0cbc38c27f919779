# SPDX-License-Identifier: Apache-2.0
"""Blocking work beside the event loop, whose end can be waited for.

A thread goes on when the task that waits for it is cancelled. Whoever then closes what the thread works with (a
database connection) pulls the rug from under it; so these threads belong to somebody who waits for them first.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from p4vpc.errors import StoreError

ANSWER_SECONDS = 5.0
"""How long a short question may take; one that has reached the database by then goes on, unheeded."""

_WORKERS = 4
_P = ParamSpec("_P")
_R = TypeVar("_R")


class Blocking:
    """A few threads."""

    def __init__(self, workers: int = _WORKERS) -> None:
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="p4vpc")

    async def run(self, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Call `function` in a thread; its result, or what it raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: function(*args, **kwargs))

    async def ask(self, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """As `run`, for a short question to the database: StoreError if it is not answered soon."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self.run(function, *args, **kwargs)
        except TimeoutError:
            raise StoreError("the database does not answer") from None

    async def close(self) -> None:
        """Wait for calls that run, drop those that have not begun. Nothing can be run afterwards."""
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)

    def abandon(self) -> None:
        """Wait for nothing: the process is about to end."""
        self._executor.shutdown(wait=False, cancel_futures=True)

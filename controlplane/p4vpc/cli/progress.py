# SPDX-License-Identifier: Apache-2.0
"""A progress bar for whatever takes longer than a second; on standard error, and only if that is a terminal."""

import sys
import threading
from collections.abc import Callable
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from p4vpc.client import Client, Status
from p4vpc.errors import P4vpcError

SHOWN_AFTER_SECONDS = 1.0
_POLL_SECONDS = 0.5

_T = TypeVar("_T")
Count = Callable[[], tuple[int, int] | None]
"""How many of how many are done; None: that is not known."""


def _unknown() -> tuple[int, int] | None:
    return None


def working(text: str, call: Callable[[], _T], count: Count = _unknown, *, after: float = SHOWN_AFTER_SECONDS) -> _T:
    """Call something that takes its time.

    Args:
        text: what is being done.
        call: does it.
        count: asked now and then, in another thread, once the bar is shown.
        after: seconds until the bar is shown.
    """
    console = Console(stderr=True, file=sys.stderr)
    if not console.is_terminal or console.is_dumb_terminal:
        return call()
    ended = threading.Event()
    thread = threading.Thread(target=_show, args=(console, text, count, after, ended), daemon=True)
    thread.start()
    try:
        return call()
    finally:
        ended.set()
        thread.join()


def realised(client: Client) -> Count:
    """Of the switches, those that show the last revision; unknown to tenants."""

    def count() -> tuple[int, int] | None:
        try:
            now = client.status()
        except P4vpcError:
            return None
        return shown_by(now)

    return count


def shown_by(status: Status) -> tuple[int, int] | None:
    """How many switches show the last revision, of how many."""
    if not status.switches:
        return None
    done = sum(at.is_realised and at.desired_revision >= status.revision for at in status.switches)
    return done, len(status.switches)


def _show(console: Console, text: str, count: Count, after: float, ended: threading.Event) -> None:
    if ended.wait(after):
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task(text, total=None)
        while not ended.is_set():
            known = count()
            if known is not None:
                bar.update(task, completed=known[0], total=known[1])
            ended.wait(_POLL_SECONDS)

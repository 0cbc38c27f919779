# SPDX-License-Identifier: Apache-2.0
"""The garbage collector of a process that keeps millions of objects for good and makes few cycles.

Its rounds look at everything that is there, which would hold up every change, and most of a start is spent making what
stays: so the rounds are rarer than usual, there are none while a whole is made, and what has come to stay is taken out
of them.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_YOUNGEST, _YOUNG, _OLD = 50_000, 20, 100
"""How many objects until the youngest are looked at, and how many rounds until the older ones are."""


def expect_much() -> None:
    """A lot is about to be made, and will stay."""
    gc.set_threshold(_YOUNGEST, _YOUNG, _OLD)


_lock = threading.Lock()
_pausing: list[object] = []


@contextmanager
def paused() -> Iterator[None]:
    """A whole is made: no rounds meanwhile, and what there is at the end stays."""
    me = object()
    with _lock:
        _pausing.append(me)
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            _pausing.remove(me)
            if not _pausing:
                gc.freeze()
                gc.enable()


def keep() -> None:
    """What there is now stays."""
    gc.freeze()

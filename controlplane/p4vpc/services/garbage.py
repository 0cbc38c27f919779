# SPDX-License-Identifier: Apache-2.0
"""The garbage collector of a process that keeps millions of objects for good and makes few cycles.

Its rounds look at everything that is there, which would hold up every change, and most of a start is spent making what
stays: so the rounds are rarer than usual, and what has come to stay is taken out of them.
"""

import gc

_YOUNGEST, _YOUNG, _OLD = 50_000, 20, 100
"""How many objects until the youngest are looked at, and how many rounds until the older ones are."""


def expect_much() -> None:
    """A lot is about to be made, and will stay."""
    gc.set_threshold(_YOUNGEST, _YOUNG, _OLD)


def keep() -> None:
    """What there is now stays."""
    gc.freeze()

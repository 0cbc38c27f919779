# SPDX-License-Identifier: Apache-2.0
"""The collector pauses while a whole is made, and goes on when the last one is."""

import gc

import pytest

from p4vpc.services import garbage


def test_it_goes_on_when_the_last_is_made_and_whatever_happens() -> None:
    assert gc.isenabled()
    with garbage.paused():
        with garbage.paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(RuntimeError), garbage.paused():
        raise RuntimeError
    assert gc.isenabled()
    gc.unfreeze()

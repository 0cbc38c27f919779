# SPDX-License-Identifier: Apache-2.0
"""The progress bar: on a terminal, after a while, and nowhere else."""

import io
import threading

import pytest

from p4vpc.cli.progress import shown_by, working
from p4vpc.client import Status
from tests.unit.p4vpc.cli.statuses import switch

BOUND_SECONDS = 30.0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal_for(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Called in the test itself: pytest puts its own standard error in place after fixtures are made."""
    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return shown


def test_what_takes_longer_is_shown_with_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_for(monkeypatch)
    asked = threading.Event()
    numbers = iter([(1, 3), (2, 3)])

    def count() -> tuple[int, int] | None:
        known = next(numbers, None)
        if known is None:
            asked.set()
        return known

    assert working("applying", lambda: asked.wait(BOUND_SECONDS), count, after=0.0)
    assert "applying" in terminal.getvalue()
    assert "2/3" in terminal.getvalue()


def test_nothing_is_shown_of_what_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_for(monkeypatch)
    assert working("applying", lambda: 7, after=BOUND_SECONDS) == 7
    assert terminal.getvalue() == ""


def test_an_error_ends_the_bar_and_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_for(monkeypatch)
    with pytest.raises(ZeroDivisionError):
        working("applying", lambda: 1 // 0, after=BOUND_SECONDS)
    assert terminal.getvalue() == ""


def test_there_is_no_bar_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = io.StringIO()
    monkeypatch.setattr("sys.stderr", plain)
    asked: list[None] = []
    assert working("applying", lambda: 7, lambda: asked.append(None), after=0.0) == 7
    assert (plain.getvalue(), asked) == ("", [])


def test_no_colour_is_shown_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_for(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")
    asked = threading.Event()

    def count() -> tuple[int, int]:
        asked.set()
        return 1, 3

    assert working("applying", lambda: asked.wait(BOUND_SECONDS), count, after=0.0)
    assert "applying" in terminal.getvalue()
    assert "\x1b[3" not in terminal.getvalue()


def test_switches_that_show_the_last_revision_are_counted() -> None:
    switches = [switch("a", desired_revision=5), switch("b", desired_revision=4), switch("c", is_realised=False)]
    now = Status(revision=5, compiled_revision=5, error="", outcome=None, switches=switches)
    assert shown_by(now) == (1, 3)
    assert shown_by(now.model_copy(update={"switches": []})) is None

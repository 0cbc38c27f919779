# SPDX-License-Identifier: Apache-2.0
"""Every error that the soft switch raises for bad input, in one tree.

::

    SoftswitchError
    +-- ProgramError                 the BMv2 JSON
    |   +-- InvalidProgramError      it is malformed or contradicts itself
    |   +-- UnsupportedProgramError  it is well-formed and asks for what the engine does not do
    +-- StateError                   a write to tables, groups, counters...
        +-- InvalidEntryError        unknown name, wrong kind, value wider than its field
        +-- EntryExistsError         insert of what is there
        +-- EntryNotFoundError       modify or delete of what is not there
        +-- TableFullError           no room below the declared size
        +-- ConstantEntryError       the program forbids the change
        +-- EntryInUseError          a member or group that something still refers to
"""

from __future__ import annotations

from collections.abc import Iterable


class SoftswitchError(Exception):
    """Base of all errors that bad input to the soft switch can cause."""


class ProgramError(SoftswitchError):
    """A pipeline program was refused; ``problems`` has one line per finding."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems: tuple[str, ...] = tuple(problems)
        super().__init__("; ".join(self.problems))


class InvalidProgramError(ProgramError):
    """The BMv2 JSON is malformed or refers to objects that it does not define."""


class UnsupportedProgramError(ProgramError):
    """The program is valid for BMv2 but uses features that the engine does not have; each is named."""


class StateError(SoftswitchError):
    """A change of run-time state was refused; the state is as it was before."""


class InvalidEntryError(StateError):
    """A name is unknown, a value has the wrong kind or does not fit its field."""


class EntryExistsError(StateError):
    """What should be inserted is there already."""


class EntryNotFoundError(StateError):
    """What should be read, modified or deleted is not there."""


class TableFullError(StateError):
    """The object holds as many entries as its declared size allows."""


class ConstantEntryError(StateError):
    """The program declares the entries or the default action constant."""


class EntryInUseError(StateError):
    """A member or group cannot be deleted while an entry or group refers to it."""

# SPDX-License-Identifier: Apache-2.0
"""Every exception that p4vpc raises on purpose, in one tree.

::

    P4vpcError
    +-- UserError                    what was asked for is wrong; nothing was changed; carries Problems
    |   +-- IntentError              a document has the wrong shape (YAML, types, unknown fields)
    |   +-- ModelError               the objects are well formed, but do not go together
    |   +-- ExhaustedError           an identifier pool has no number left
    |   +-- NotFoundError            the object named does not exist
    |   +-- RevisionConflictError    somebody else has committed in between (If-Match, expected revision)
    +-- StoreError                   the database cannot be used: locked, corrupt, of another schema version
    +-- SouthboundError              a switch cannot be reached, or has refused something
    +-- ClientError                  the controller's API cannot be reached, or gave an answer that is no answer
    +-- InternalError                p4vpc contradicts itself: a bug, please report it

A user error is shown as its problems, never as a traceback. Packages add their own leaves below these branches in their
own modules where nobody else needs to catch them.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, told so that its author can mend it without reading our source.

    Attributes:
        object: what it is about, as kind and key: ``port red/prod/web-1``; empty if no object could be made out.
        field: path inside the object: ``attachment.port``, ``rules[2].ports``; empty if it is the object as a whole.
        message: what is wrong.
        remedy: what would be right.
        source: where it was read: ``tenants.yaml, document 3, line 17``; empty if it did not come from a file.
    """

    object: str
    field: str
    message: str
    remedy: str = ""
    source: str = ""

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.source, self.object, self.field) if part)
        text = f"{where}: {self.message}" if where else self.message
        return f"{text} ({self.remedy})" if self.remedy else text


class P4vpcError(Exception):
    """Base of everything that p4vpc raises on purpose."""


class UserError(P4vpcError):
    """What was asked for is wrong. Nothing was changed.

    Attributes:
        problems: every mistake that was found, in the order of the input; never empty.
    """

    def __init__(self, problems: Iterable[Problem] | Problem):
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class IntentError(UserError):
    """A document has the wrong shape."""


class ModelError(UserError):
    """The objects are well formed but refer to what does not exist, or contradict each other."""


class ExhaustedError(UserError):
    """An identifier pool has no number left for what was asked."""


class NotFoundError(UserError):
    """The object named does not exist."""


class RevisionConflictError(UserError):
    """Somebody else has committed in between. Read again, then decide again.

    Attributes:
        current_revision: the revision that the store, or the object, is at now (0: there is no such object).
    """

    def __init__(self, problems: Iterable[Problem] | Problem, current_revision: int):
        super().__init__(problems)
        self.current_revision = current_revision


class StoreError(P4vpcError):
    """The database cannot be used. What was acknowledged earlier is not affected."""


class SouthboundError(P4vpcError):
    """A switch cannot be reached, or has refused something."""


class ClientError(P4vpcError):
    """The controller's API cannot be reached, or its answer is not one of ours."""


class InternalError(P4vpcError):
    """The program contradicts itself: a bug, never the user's mistake."""

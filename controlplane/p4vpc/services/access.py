# SPDX-License-Identifier: Apache-2.0
"""Who is calling, and what that one may see. ADR 17.

A token is `p4vpc_` and 256 random bits. The store has its SHA-256 only; a slow hash would add nothing, as nobody
guesses such a secret. It is looked up with every request: what is revoked is refused at once, by every controller.
"""

import hashlib
import re
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from p4vpc.errors import IntentError, Problem, UserError
from p4vpc.intent import KINDS, Intent, Malformed, ObjectId
from p4vpc.intent.values import NAME_PATTERN
from p4vpc.services.blocking import Blocking
from p4vpc.store import Role, Store, Token

PREFIX = "p4vpc_"
FIRST_TOKEN = "operator"
RESERVED_NAMES = frozenset({"announcement", "p4vpc"})
"""Whom else the audit log names: moves that hosts announce, and the controller itself."""

PLACES = frozenset({"attachment", "candidates"})
"""Fields of a port that say where in the fabric it is: the operator's matter, which tenants neither see nor change."""

_SECRET_BYTES = 32


class ForbiddenError(UserError):
    """Whoever calls is known, but may not do this."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling.

    Attributes:
        name: of the token.
        tenant: whose objects it may see; None: an operator, who sees everything.
    """

    name: str
    role: Role
    tenant: str | None

    @property
    def is_operator(self) -> bool:
        """Whether everything is allowed."""
        return self.tenant is None

    def may_see(self, object_id: ObjectId) -> bool:
        """Whether an object is in what this one may know of; says nothing of whether it exists."""
        return self.tenant is None or tenant_of(object_id) == self.tenant

    def document(self, intent: Intent) -> dict[str, Any]:
        """An object as this one may see it."""
        document = intent.document()
        if self.tenant is not None and intent.kind == "port":
            return {name: value for name, value in document.items() if name not in PLACES}
        return document

    def readable(self, malformed: Malformed) -> Malformed:
        """Of objects that could not be read, what this one may know of: neither they nor their references tell more."""
        if self.tenant is None:
            return malformed
        return {
            object_id: tuple(reference for reference in references if self.may_see(reference.target))
            for object_id, references in malformed.items()
            if self.may_see(object_id)
        }

    def told(self, problems: Iterable[Problem], places: Collection[str]) -> tuple[Problem, ...]:
        """Problems without those that are about objects of others, or that tell where something is plugged in.

        Args:
            problems: all of them.
            places: what names a place in the fabric: switches, VTEPs.
        """
        if self.tenant is None:
            return tuple(problems)
        told, is_any_hidden = [], False
        for problem in problems:
            kind, _, key = problem.object.partition(" ")
            if _tells_place(problem, places):
                message = "does not go together with where ports are plugged in"
                told.append(Problem(problem.object, problem.field, message, "ask the operator", problem.source))
            elif not problem.object or self.may_see(ObjectId(kind, key)):
                told.append(problem)
            else:
                is_any_hidden = True
        if is_any_hidden:
            message = "does not go together with what the operator has set"
            told.append(Problem("", "", message, "ask the operator"))
        return tuple(told)


def _tells_place(problem: Problem, places: Collection[str]) -> bool:
    words = re.findall(r"[\w.:-]+", f"{problem.message} {problem.remedy}")
    return any(word.rstrip(".:") in places for word in words)


def tenant_of(object_id: ObjectId) -> str | None:
    """Whose an object is; None: the operator's, or there is no such kind."""
    intent = KINDS.get(object_id.kind)
    if intent is None or not (object_id.kind == "tenant" or "tenant" in intent.name_fields):
        return None
    return object_id.key.partition("/")[0]


def new_secret() -> str:
    """A secret that nobody guesses."""
    return PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def digest_of(secret: str) -> str:
    """What the store keeps of it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def check_token(name: str, role: Role, tenant: str | None) -> None:
    """Refuse tokens that make no sense.

    Raises:
        IntentError: all that is wrong.
    """
    wrong = []
    about = f"token {name[:80]}"
    if not re.fullmatch(NAME_PATTERN, name):
        wrong.append(
            Problem(about, "name", "is not a name", "lower case letters, digits and inner hyphens, at most 63")
        )
    elif name in RESERVED_NAMES:
        wrong.append(Problem(about, "name", "is what the audit log calls p4vpc's own changes", "another name"))
    if role is Role.OPERATOR and tenant is not None:
        wrong.append(Problem(about, "tenant", "an operator belongs to no tenant", "leave it out"))
    if role is not Role.OPERATOR and tenant is None:
        wrong.append(Problem(about, "tenant", f"a {role.value} needs a tenant", "the name of one"))
    if wrong:
        raise IntentError(wrong)


class AccessService:
    """Tokens, without blocking.

    Args:
        store: closed by whoever opened it, after `blocking`.
        blocking: where the store's methods run.
    """

    def __init__(self, store: Store, blocking: Blocking):
        self._store = store
        self._blocking = blocking

    async def authenticate(self, secret: str) -> Principal | None:
        """Whose secret it is; None if it is nobody's any more."""
        token = await self._blocking.ask(self._store.good_token, digest_of(secret))
        return None if token is None else Principal(token.name, token.role, token.tenant)

    async def is_good(self, principal: Principal) -> bool:
        """Whether its token has not been revoked meanwhile."""
        return await self._blocking.ask(self._store.is_good_token, principal.name)

    async def create(self, name: str, role: Role, tenant: str | None, who: str) -> tuple[Token, str]:
        """Make a token; its secret is returned once.

        Raises:
            IntentError, NotFoundError: what was asked for makes no sense; there is no such tenant.
            TokenError: a token has, or had, this name.
        """
        check_token(name, role, tenant)
        secret = new_secret()
        add = self._store.add_token
        token = await self._blocking.run(add, name, digest_of(secret), role=role, tenant=tenant, who=who)
        return token, secret

    async def tokens(self) -> Sequence[Token]:
        """All tokens by name, revoked ones too."""
        return await self._blocking.run(self._store.tokens)

    async def revoke(self, name: str, who: str) -> Token:
        """End a token.

        Raises:
            NotFoundError: there is none of this name.
            TokenError: nobody could do anything any more.
        """
        return await self._blocking.run(self._store.revoke_token, name, who)

    async def has_tokens(self) -> bool:
        """Whether there has ever been a token."""
        return await self._blocking.ask(self._store.has_tokens)

    async def create_first(self, secret: str) -> bool:
        """Make the first operator token of this secret; False if there has been a token before."""
        return await self._blocking.run(self._store.add_first_token, FIRST_TOKEN, digest_of(secret), "p4vpc")

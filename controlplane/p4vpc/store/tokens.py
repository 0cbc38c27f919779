# SPDX-License-Identifier: Apache-2.0
"""Bearer tokens in the database: their digests, never the secrets.

A token is never removed, only revoked: the audit log names it, and a name stands for one token for ever. Tokens of a
tenant end with the tenant, so that they are not good for a later one of the same name.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, Row, func, insert, select, update

from p4vpc.errors import NotFoundError, Problem, UserError
from p4vpc.intent import closest
from p4vpc.store.schema import tokens
from p4vpc.store.times import now_us, time_of
from p4vpc.store.types import Role, Token

_LOCKED_OUT = "create another operator token first"


class TokenError(UserError):
    """The token cannot be made, or cannot be revoked, because of the others."""


def is_any(connection: Connection) -> bool:
    """Whether there has ever been a token."""
    return connection.execute(select(tokens.c.name).limit(1)).scalar() is not None


def add(connection: Connection, name: str, digest: str, *, role: Role, tenant: str | None, who: str) -> Token:
    """Keep a new token; TokenError if one has had its name."""
    if connection.execute(select(tokens.c.name).where(tokens.c.name == name)).scalar() is not None:
        message = "there is, or has been, a token of this name"
        raise TokenError(Problem(f"token {name}", "name", message, "another name: the audit log tells tokens by name"))
    row = {"name": name, "digest": digest, "role": role.value, "tenant": tenant}
    connection.execute(insert(tokens).values(**row, created_us=now_us(), created_by=who))
    return _token(connection.execute(select(tokens).where(tokens.c.name == name)).one())


def good_token(connection: Connection, digest: str) -> Token | None:
    """Return the token with this digest, if there is one that has not been revoked."""
    query = select(tokens).where(tokens.c.digest == digest, tokens.c.revoked_us.is_(None))
    row = connection.execute(query).one_or_none()
    return None if row is None else _token(row)


def is_good(connection: Connection, name: str) -> bool:
    """Return whether there is a token of this name that has not been revoked."""
    query = select(tokens.c.name).where(tokens.c.name == name, tokens.c.revoked_us.is_(None))
    return connection.execute(query).scalar() is not None


def every(connection: Connection) -> Sequence[Token]:
    """Return all tokens by name, revoked ones too."""
    return sorted(map(_token, connection.execute(select(tokens))), key=lambda token: token.name)


def revoke(connection: Connection, name: str, who: str) -> Token:
    """End a token; once more is no mistake. NotFoundError; TokenError if it is the last one of an operator."""
    known = {token.name: token for token in every(connection)}
    token = known.get(name)
    if token is None:
        raise NotFoundError(Problem(f"token {name[:80]}", "", "does not exist", closest(name, known)))
    if token.revoked is not None:
        return token
    good = select(func.count()).where(tokens.c.role == Role.OPERATOR.value, tokens.c.revoked_us.is_(None))
    if token.role is Role.OPERATOR and connection.execute(good).scalar() == 1:
        raise TokenError(Problem(f"token {name}", "", "is the last operator token", _LOCKED_OUT))
    connection.execute(update(tokens).where(tokens.c.name == name).values(revoked_us=now_us(), revoked_by=who))
    return _token(connection.execute(select(tokens).where(tokens.c.name == name)).one())


def revoke_of_tenants(connection: Connection, tenants: Sequence[str], who: str) -> None:
    """End all tokens of tenants that are being deleted."""
    where = (tokens.c.tenant.in_(tenants), tokens.c.revoked_us.is_(None))
    connection.execute(update(tokens).where(*where).values(revoked_us=now_us(), revoked_by=who))


def _token(row: Row[tuple[str, str, str, str | None, int, str, int | None, str | None]]) -> Token:
    return Token(
        row.name,
        Role(row.role),
        row.tenant,
        time_of(row.created_us),
        row.created_by,
        None if row.revoked_us is None else time_of(row.revoked_us),
        row.revoked_by,
    )

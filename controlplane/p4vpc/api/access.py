# SPDX-License-Identifier: Apache-2.0
"""Bearer tokens (RFC 6750): every route but health and the description needs one."""

from math import ceil
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from p4vpc.api.problems import TooManyRequestsError, UnauthorizedError
from p4vpc.errors import Problem
from p4vpc.intent import ObjectId
from p4vpc.services import AccessService, ForbiddenError, Principal, RequestRates

_BEARER = HTTPBearer(auto_error=False, scheme_name="token", description="made by `p4vpc token create`")
_REMEDY = "Authorization: Bearer <token>; of the command line: --token, P4VPC_TOKEN or P4VPC_TOKEN_FILE"


async def _caller(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
) -> Principal:
    if credentials is None:
        raise UnauthorizedError(Problem("", "", "no token was given", _REMEDY, "request"))
    access: AccessService = request.app.state.access
    principal = await access.authenticate(credentials.credentials)
    if principal is None:
        raise UnauthorizedError(Problem("", "", "the token is not known, or has been revoked", _REMEDY, "request"))
    if principal.tenant is not None:
        rates: RequestRates = request.app.state.rates
        wait = rates.wait_of(principal.tenant)
        if wait:
            message = f"tenant {principal.tenant} asks more often than it may"
            raise TooManyRequestsError(Problem("", "", message, f"wait {ceil(wait)} s", "request"), wait)
    request.state.principal = principal
    return principal


Caller = Annotated[Principal, Depends(_caller)]
"""Whoever has a token."""


async def _operator(caller: Caller) -> Principal:
    if not caller.is_operator:
        message = f"token {caller.name} is of tenant {caller.tenant}, and this is about the fabric"
        raise ForbiddenError(Problem("", "", message, "ask the operator", "request"))
    return caller


Operator = Annotated[Principal, Depends(_operator)]
"""Whoever has an operator's token."""


def check_visible(caller: Principal, *kinds: str) -> None:
    """Refuse to show kinds of objects that no tenant owns.

    Raises:
        ForbiddenError: the caller is a tenant's.
    """
    if caller.is_operator:
        return
    message = f"token {caller.name} is of tenant {caller.tenant}, which has no such objects"
    raise ForbiddenError(Problem(kind, "", message, "ask the operator", "request") for kind in kinds)


def check_visible_tenant(caller: Principal, tenant: str | None) -> None:
    """Refuse to be asked about another tenant.

    Raises:
        ForbiddenError: the caller is of another one.
    """
    if tenant is not None and not caller.is_operator and tenant != caller.tenant:
        message = f"token {caller.name} is of tenant {caller.tenant}"
        raise ForbiddenError(Problem("", "tenant", message, "ask the operator", "query"))


def check_visible_object(caller: Principal, object_id: ObjectId) -> None:
    """Refuse what is not the caller's to know of, whether it exists or not.

    Raises:
        ForbiddenError: it is another's, or the operator's.
    """
    if not caller.may_see(object_id):
        message = f"is not of tenant {caller.tenant}, whose this token is"
        raise ForbiddenError(Problem(str(object_id), "", message, "ask the operator", "request"))

# SPDX-License-Identifier: Apache-2.0
"""Routes of bearer tokens, for operators."""

from typing import Any, Self

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, ValidationError

from p4vpc.api.access import Operator
from p4vpc.api.context import Context
from p4vpc.api.problems import AsciiJsonResponse
from p4vpc.errors import IntentError, Problem
from p4vpc.intent.values import NAME_PATTERN
from p4vpc.store import Role, Token

_NO_STORE = {"Cache-Control": "no-store"}


class NewToken(BaseModel):
    """What a token is to be."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    role: Role
    tenant: str | None = None


class TokenModel(BaseModel):
    """A token, without its secret."""

    name: str
    role: Role
    tenant: str | None
    created: str
    created_by: str
    revoked: str | None
    revoked_by: str | None

    @classmethod
    def of(cls, token: Token) -> Self:
        return cls(
            name=token.name,
            role=token.role,
            tenant=token.tenant,
            created=token.created.isoformat(),
            created_by=token.created_by,
            revoked=None if token.revoked is None else token.revoked.isoformat(),
            revoked_by=token.revoked_by,
        )


class TokensModel(BaseModel):
    """All tokens, revoked ones too."""

    items: list[TokenModel]


class CreatedToken(BaseModel):
    """A new token. Its secret is told this once."""

    token: TokenModel
    secret: str


_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            media_type: {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["name", "role"],
                    "properties": {
                        "name": {"type": "string", "pattern": NAME_PATTERN},
                        "role": {"enum": [role.value for role in Role]},
                        "tenant": {"type": ["string", "null"]},
                    },
                }
            }
            for media_type in ("application/json", "application/yaml")
        },
    }
}


def router(context: Context) -> APIRouter:
    """List, create, revoke."""
    routes = APIRouter(prefix="/v1/tokens", tags=["tokens"])
    access = context.controller.access

    @routes.get("", response_model=TokensModel)
    async def list_tokens(_: Operator) -> Response:
        """All tokens by name, revoked ones too; never a secret."""
        return AsciiJsonResponse(TokensModel(items=[TokenModel.of(token) for token in await access.tokens()]))

    @routes.post("", response_model=CreatedToken, status_code=201, openapi_extra=_BODY)
    async def create_token(request: Request, caller: Operator) -> Response:
        """Make a token. The secret is in this answer and nowhere else."""
        wanted = _wanted(await context.bodies.document(request))
        token, secret = await access.create(wanted.name, wanted.role, wanted.tenant, caller.name)
        return AsciiJsonResponse(CreatedToken(token=TokenModel.of(token), secret=secret), 201, headers=_NO_STORE)

    @routes.delete("/{name}", response_model=TokenModel)
    async def revoke_token(name: str, caller: Operator) -> Response:
        """End a token; once more is no mistake. Refused for the last one of an operator."""
        return AsciiJsonResponse(TokenModel.of(await access.revoke(name, caller.name)))

    return routes


def _wanted(document: object) -> NewToken:
    try:
        return NewToken.model_validate(document, strict=False)
    except ValidationError as error:
        raise IntentError(
            Problem("token", ".".join(map(str, item["loc"])), item["msg"], "name, role and, unless operator, tenant")
            for item in error.errors(include_url=False)
        ) from None

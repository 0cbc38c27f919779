# SPDX-License-Identifier: Apache-2.0
"""The application: routes, errors, life cycle."""

import asyncio
from collections.abc import Callable
from importlib.metadata import version

from fastapi import FastAPI

from p4vpc.api import bulk, history, objects, operations, problems, snapshots, tokens, trace
from p4vpc.api.bodies import DEFAULT_MAX_BODY_BYTES, BodyReader
from p4vpc.api.context import Context
from p4vpc.api.description import describe
from p4vpc.api.schemas import ProblemModel
from p4vpc.services import Controller, RequestRates, TenantLimits
from p4vpc.services.trace import Tracer, TraceService, find_tracer


def create_app(
    controller: Controller,
    *,
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
    limits: TenantLimits | None = None,
    find_tracer: Callable[[], Tracer] = find_tracer,
) -> FastAPI:
    """The API of a controller, which whoever calls has started and will end. `find_tracer` says what executes traces.

    Streams end when `app.state.closing` is set.
    """
    app = FastAPI(
        title="p4vpc",
        version=version("p4vpc"),
        description="Virtual private clouds on P4 switches.",
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        default_response_class=problems.AsciiJsonResponse,
        responses={"4XX": {"model": ProblemModel}},
    )
    problems.install(app)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    app.state.access = controller.access
    app.state.closing = asyncio.Event()
    limits = limits or TenantLimits()
    app.state.rates = RequestRates(limits)
    context = Context(controller, BodyReader(max_body_bytes, limits.body_bytes), limits)
    app.include_router(operations.router(context))
    app.include_router(bulk.router(context))
    app.include_router(tokens.router(context))
    app.include_router(history.router(context, app.state.closing))
    app.include_router(snapshots.router(context))
    app.include_router(trace.router(context, TraceService(controller, find_tracer)))
    app.include_router(objects.router(context))
    return app

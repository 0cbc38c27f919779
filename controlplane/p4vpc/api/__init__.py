# SPDX-License-Identifier: Apache-2.0
"""REST API under /v1 (Contract 5 of docs/architecture.md)."""

from p4vpc.api.app import create_app
from p4vpc.api.server import ServerOptions, serve
from p4vpc.api.tls import ApiTls

__all__ = ("ApiTls", "ServerOptions", "create_app", "serve")

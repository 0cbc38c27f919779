# SPDX-License-Identifier: Apache-2.0
"""TLS of the API (TLS 1.2 and newer); with a CA of clients, only those that it has signed get as far as a token."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from p4vpc.errors import Problem, UserError


class ApiTlsError(UserError):
    """The API cannot be served with these files."""


@dataclass(frozen=True, slots=True)
class ApiTls:
    """PEM files.

    Attributes:
        certificate, key: the server's; the certificate may have its chain after it.
        client_ca: whose signature clients' certificates need; None: clients need none.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def check(self) -> None:
        """Find out whether the files can be used.

        Raises:
            ApiTlsError: they cannot.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        about = f"{self.certificate} and {self.key}"
        try:
            context.load_cert_chain(self.certificate, self.key)
            if self.client_ca is not None:
                about = str(self.client_ca)
                context.load_verify_locations(self.client_ca)
        except OSError as error:  # SSLError is one
            reason = getattr(error, "reason", None) or error.strerror or str(error)
            raise ApiTlsError(Problem("serve", about, f"cannot be used for TLS: {reason}", "PEM files")) from None

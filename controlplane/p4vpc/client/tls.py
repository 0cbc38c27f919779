# SPDX-License-Identifier: Apache-2.0
"""TLS of a client: whom to believe, and what to show."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from p4vpc.errors import Problem, UserError


class ClientTlsError(UserError):
    """A file for TLS cannot be used."""


@dataclass(frozen=True, slots=True)
class ClientTls:
    """PEM files.

    Attributes:
        ca: the server's CA; None: those of the system.
        certificate, key: our own, if the server asks for one.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """What connections are made with.

        Raises:
            ClientTlsError: a file cannot be used.
        """
        about = str(self.ca)
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.certificate is not None:
                about = f"{self.certificate} and {self.key}"
                context.load_cert_chain(self.certificate, self.key)
        except OSError as error:  # SSLError is one
            reason = getattr(error, "reason", None) or error.strerror or str(error)
            raise ClientTlsError(Problem("", about, f"cannot be used for TLS: {reason}", "PEM files")) from None
        return context

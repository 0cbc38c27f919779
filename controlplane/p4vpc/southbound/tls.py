# SPDX-License-Identifier: Apache-2.0
"""TLS towards switches: whom we believe to be one, and how we show who we are."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import grpc

from p4vpc.errors import Problem, UserError


class TlsFileError(UserError):
    """A file of keys or certificates cannot be used."""


@dataclass(frozen=True, slots=True)
class SwitchTls:
    """PEM texts.

    Attributes:
        ca: certificates that have signed those of the switches. A switch's certificate must be for the host of
            its `p4runtime` address.
        certificate, key: ours, if switches ask for one (mutual TLS).
    """

    ca: bytes
    certificate: bytes | None = None
    key: bytes | None = field(default=None, repr=False)

    @classmethod
    def load(cls, ca: Path, certificate: Path | None = None, key: Path | None = None) -> Self:
        """Read the files.

        Raises:
            TlsFileError: one cannot be read, or is not PEM; one of certificate and key alone.
        """
        if (certificate is None) != (key is None):
            remedy = "give both, or neither"
            raise TlsFileError(Problem("serve", "--switch-cert", "certificate and key go together", remedy))
        texts = [None if path is None else _read(path) for path in (certificate, key)]
        return cls(_read(ca), *texts)

    def credentials(self) -> grpc.ChannelCredentials:
        """For a channel."""
        return grpc.ssl_channel_credentials(self.ca, self.key, self.certificate)


def _read(path: Path) -> bytes:
    try:
        text = path.read_bytes()
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        raise TlsFileError(Problem("serve", str(path), message, "a PEM file")) from None
    if b"-----BEGIN " not in text:
        raise TlsFileError(Problem("serve", str(path), "is not PEM", "a text with -----BEGIN CERTIFICATE-----"))
    return text

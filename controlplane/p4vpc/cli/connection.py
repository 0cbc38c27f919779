# SPDX-License-Identifier: Apache-2.0
"""Which controller a command talks to, and with which token.

In this order: the command's options, environment variables, the configuration file (`P4VPC_CONFIG`, else
`~/.config/p4vpc/config.yaml`, with `server`, `token` or `token_file`); for a controller on this machine also the file
that `p4vpc serve` writes beside its database when it makes the first token. A token of the configuration file is sent
only to the server that stands there with it.

For HTTPS `P4VPC_CA`, `P4VPC_CERT` and `P4VPC_KEY`, or `ca`, `cert` and `key` of the configuration file, name PEM files;
without `ca` those count that the system trusts.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from p4vpc.client import Client, ClientTls, Retries
from p4vpc.client.wire import DEFAULT_SERVER, TIMEOUT_SECONDS
from p4vpc.errors import Problem, UserError
from p4vpc.intent import closest, is_loopback

DEFAULT_DATABASE = "sqlite:///p4vpc.db"
_TLS_FIELDS = ("ca", "cert", "key")
_FIELDS = frozenset({"server", "token", "token_file", *_TLS_FIELDS})
_SQLITE = "sqlite:///"


class ConnectionConfigError(UserError):
    """What shall tell the command whom to talk to cannot be read."""


def connect(
    server: str | None,
    token: str | None,
    *,
    retries: Retries | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Client:
    """A client for what the options, the environment and the configuration file say.

    Args:
        server: option or variable, if there was any.
        token: option or variable, if there was any.
        retries, timeout_seconds: how patient the client is.

    Raises:
        ConnectionConfigError: a file cannot be read, or says what it cannot say.
        UnreachableError: the server's URL is none.
    """
    config = _read_config()
    url = server or config.get("server", DEFAULT_SERVER)
    if not token and (path := os.environ.get("P4VPC_TOKEN_FILE")):
        token = _read_token(Path(path))
    if not token and url == config.get("server", DEFAULT_SERVER):
        token = config.get("token") or (_read_token(Path(config["token_file"])) if "token_file" in config else None)
    if not token and is_loopback((urlsplit(url).hostname or "") if "://" in url else ""):
        path_of_first = token_file_of(os.environ.get("P4VPC_DB", DEFAULT_DATABASE))
        if path_of_first is not None and path_of_first.is_file():
            token = _read_token(path_of_first)
    return Client(url, token=token, tls=_tls(config), retries=retries, timeout_seconds=timeout_seconds)


def _tls(config: Mapping[str, str]) -> ClientTls | None:
    named = {field: os.environ.get(f"P4VPC_{field.upper()}") or config.get(field) for field in _TLS_FIELDS}
    files = {field: Path(path).expanduser() if path else None for field, path in named.items()}
    if not any(files.values()):
        return None
    return ClientTls(files["ca"], files["cert"], files["key"])


def token_file_of(database: str) -> Path | None:
    """Where `p4vpc serve` writes the first token: beside a SQLite database; None for any other."""
    path = database.removeprefix(_SQLITE).partition("?")[0]
    if not database.startswith(_SQLITE) or path in ("", ":memory:"):
        return None
    return Path(path).with_suffix(".token")


def _read_config() -> Mapping[str, str]:
    named = os.environ.get("P4VPC_CONFIG")
    path = Path(named) if named else _config_home() / "p4vpc" / "config.yaml"
    if named is None and not path.is_file():
        return {}
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise _bad(path, "", f"cannot be read: {error.strerror}", "a file that exists") from None
    except (yaml.YAMLError, ValueError):
        raise _bad(path, "", "is not YAML", "server: http://127.0.0.1:9560") from None
    if not isinstance(config, dict):
        raise _bad(path, "", "is not a mapping", "server: http://127.0.0.1:9560")
    for field, value in config.items():
        if field not in _FIELDS:
            raise _bad(path, str(field), "is not a field here", closest(str(field), _FIELDS))
        if not isinstance(value, str):
            raise _bad(path, field, "is not a text", f"{field}: in quotes")
    return config


def _config_home() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def _read_token(path: Path) -> str:
    try:
        return path.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise _bad(path, "", f"the token cannot be read: {getattr(error, 'strerror', error)}", "one line") from None


def _bad(path: Path, field: str, message: str, remedy: str) -> ConnectionConfigError:
    return ConnectionConfigError(Problem(str(path), field, message, remedy))

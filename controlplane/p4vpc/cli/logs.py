# SPDX-License-Identifier: Apache-2.0
"""Log lines of `p4vpc serve`: on standard error, each with the switch that it is about (`-`: none)."""

import logging
import os
import sys
from enum import StrEnum

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger


class LogFormat(StrEnum):
    """Lines for people, or JSON for programs."""

    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """The least important lines that are shown."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def configure_logs(shape: LogFormat, level: LogLevel) -> None:
    """Set up structlog, and what other packages log."""
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(
        stream=sys.stderr, level=max(number, logging.WARNING), format="%(levelname)s %(name)s: %(message)s"
    )
    final: list[Processor]
    if shape is LogFormat.JSON:
        final = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        final = [_switch_first, structlog.dev.ConsoleRenderer(colors=is_coloured(), pad_event_to=40)]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *final,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def is_coloured() -> bool:
    """Whether lines have colours: on a terminal, unless NO_COLOR is set (no-color.org)."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def _switch_first(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    event["event"] = f"[{event.pop('switch', '-')}] {event.get('event', '')}"
    return event

# SPDX-License-Identifier: Apache-2.0
"""Answers of a controller, for what shows them."""

from typing import Any

from p4vpc.client import Switch


def switch(name: str, **fields: Any) -> Switch:
    """A switch that shows revision 5, but for what is said."""
    usual = {
        **{"name": name, "address": "127.0.0.1:1", "state": "ready", "is_connected": True, "is_realised": True},
        **{"pipeline": "same", "desired_revision": 5, "realised_revision": 5, "entries": 1, "updates_written": 0},
        **{"updates_refused": 0, "connections": 1, "packets_in": 0, "problems": [], "error": ""},
    }
    return Switch.model_validate({**usual, **fields})

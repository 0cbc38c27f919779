# SPDX-License-Identifier: Apache-2.0
from typing import Any

from ptf.dataplane import DataPlane

config: dict[str, Any]
dataplane_instance: DataPlane | None

def open_logfile(name: str) -> None: ...

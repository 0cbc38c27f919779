# SPDX-License-Identifier: Apache-2.0
from typing import Any

class DataPlane:
    class PollResult:
        device: int
        port: int
        packet: bytes
        time: float

    class PollSuccess(PollResult):
        def format(self) -> str: ...

    class PollFailure(PollResult):
        def format(self) -> str: ...

    def __init__(self, config: dict[str, Any]) -> None: ...
    def port_add(self, interface_name: str, device_number: int, port_number: int) -> None: ...
    def flush(self) -> None: ...
    def kill(self) -> None: ...

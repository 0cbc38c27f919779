# SPDX-License-Identifier: Apache-2.0
import unittest
from typing import Any

from ptf.dataplane import DataPlane

TEST_PARAMS: dict[str, Any] | None
MINSIZE: int

def test_params_get(default: dict[str, Any] = ...) -> dict[str, Any]: ...
def send_packet(test: unittest.TestCase, port_id: int, pkt: bytes, count: int = ...) -> int: ...
def dp_poll(
    test: unittest.TestCase,
    device_number: int = ...,
    port_number: int | None = ...,
    timeout: float | None = ...,
    exp_pkt: object = ...,
) -> DataPlane.PollSuccess | DataPlane.PollFailure: ...
def verify_no_other_packets(test: unittest.TestCase, device_number: int = ..., timeout: float | None = ...) -> None: ...

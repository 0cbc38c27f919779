# SPDX-License-Identifier: Apache-2.0
"""The switch programs that can stand behind a switch of the fabric, and how each is started."""

import shutil
import subprocess
import sys
from enum import Enum
from pathlib import Path

from topo.errors import StartError
from topo.fabric import SwitchPlan

CPU_PORT = 510

_FIRST_THRIFT_PORT = 9090


class Target(Enum):
    """Kind of switch process."""

    SOFTSWITCH = "softswitch"
    BMV2 = "bmv2"

    @property
    def program(self) -> str:
        """Name of its executable."""
        return "softswitch" if self is Target.SOFTSWITCH else "simple_switch_grpc"

    def find(self) -> str:
        """Path of its executable; raises StartError when it is not installed."""
        beside_python = Path(sys.executable).with_name(self.program)
        path = str(beside_python) if beside_python.exists() else shutil.which(self.program)
        if path is None:
            raise StartError(f"{self.program} is not on the PATH; {_REMEDIES[self]}")
        return path


_REMEDIES = {
    Target.SOFTSWITCH: "install this project into the Python environment that runs topo (make run does)",
    Target.BMV2: "install BMv2 (https://github.com/p4lang/behavioral-model, built --with-pi), or leave out TARGET=bmv2",
}


def command(target: Target, switch: SwitchPlan, directory: Path) -> list[str]:
    """The command line of a switch that starts without a program: the controller gives it one over P4Runtime."""
    address = f"127.0.0.1:{switch.grpc_port}"
    ports = [word for port in switch.ports for word in ("-i", f"{port.number}@{port.interface}")]
    if target is Target.SOFTSWITCH:
        return [
            *(target.find(), "--device-id", str(switch.device_id), "--grpc-addr", address),
            *(*ports, "--cpu-port", str(CPU_PORT), "--no-p4"),
        ]
    return [
        *(target.find(), "--device-id", str(switch.device_id), "--no-p4", "--log-level", "off"),
        *_bmv2_private_addresses(target.find(), switch, directory),
        *(*ports, "--", "--grpc-server-addr", address, "--cpu-port", str(CPU_PORT)),
    ]


def _bmv2_private_addresses(program: str, switch: SwitchPlan, directory: Path) -> list[str]:
    """Options that keep several BMv2 on one machine apart. Which of them exist depends on how it was built."""
    options = {
        "--thrift-port": str(_FIRST_THRIFT_PORT + switch.device_id),
        "--notifications-addr": f"ipc://{directory / switch.name}.ipc",
    }
    described = subprocess.run([program, "--help"], capture_output=True, text=True, check=False, timeout=30)
    return [word for option, value in options.items() if option in described.stdout for word in (option, value)]

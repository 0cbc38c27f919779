# SPDX-License-Identifier: Apache-2.0
"""Writes requirements.lock: exact versions of everything that the project, its tests and its build need.

A fresh environment is resolved from pyproject.toml and listed. Packages that only serve parts of ptf that are not used
here (its `bf_pktpy` packet library) are left out: two of them exist as source only and would need a C compiler.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
UNUSED = frozenset({"getmac", "netifaces", "pyperclip", "scapy-helper", "tabulate"})
BUILD_TOOLS = ("hatchling", "editables")
HEADER = """\
# Exact versions of the whole closure, development tools included. Written by `make lock`; do not edit.
# Install with --no-deps: what is missing here is missing on purpose (tools/lock.py says why).
"""


def main() -> None:
    """Resolve, list, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default="python3", help="interpreter to resolve with; the oldest supported one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="p4vpc-lock-") as directory:
        subprocess.run([arguments.python, "-m", "venv", directory], check=True)
        pip = [f"{directory}/bin/python", "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--quiet", f"{ROOT}[dev]", *BUILD_TOOLS], check=True)
        freeze = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True).stdout
    pins = [line for line in freeze.splitlines() if "==" in line and line.partition("==")[0].lower() not in UNUSED]
    LOCK.write_text(HEADER + "".join(f"{line}\n" for line in sorted(pins, key=str.lower)), encoding="utf-8")
    print(f"{LOCK.name}: {len(pins)} packages")


if __name__ == "__main__":
    main()

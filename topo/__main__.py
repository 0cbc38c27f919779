# SPDX-License-Identifier: Apache-2.0
"""Command line of the topology runner.

    python -m topo run                     the example: start, show who reaches whom, stay until Ctrl-C
    python -m topo run --once              exit with the verdict instead
    python -m topo run --demo leaf-restart also show what happens when a leaf is killed under traffic
    python -m topo exec HOST COMMAND...    run a command inside of a host of the fabric that is running

Exit status of `run`: 0 when everything was as the intents say, 1 when not, 2 when the fabric could not be run,
130 after Ctrl-C before the verdict.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from rich.console import Console

from topo import enter, fabric, forward, namespaces, session
from topo.controller import API_PORT
from topo.demos import DEMOS
from topo.errors import TopoError
from topo.switches import Target

EXAMPLES = Path(__file__).with_name("examples")
EXIT_NOT_RUN = 2
EXIT_INTERRUPTED = 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m topo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="start a fabric, show who reaches whom")
    run.add_argument("files", nargs="*", type=Path, help="YAML documents (default: the example with two tenants)")
    run.add_argument(
        "--target",
        type=Target,
        choices=list(Target),
        default=Target.SOFTSWITCH,
        metavar="{softswitch,bmv2}",
        help="the switch program",
    )
    run.add_argument("--once", action="store_true", help="exit after the verdict")
    run.add_argument("--demo", action="append", default=[], choices=sorted(DEMOS), help="may be given several times")
    run.add_argument("--no-matrix", action="store_true", help="do not ping between all hosts")
    run.add_argument("--report", type=Path, help="also write the results to this file, as JSON")
    execute = commands.add_parser("exec", help="run a command inside of a host")
    execute.add_argument("host", help="key of the host's port, like red/prod/web-1")
    execute.add_argument("words", nargs=argparse.REMAINDER, metavar="command", help="what to run (default: sh)")
    return parser


def _run(arguments: argparse.Namespace) -> int:
    files = arguments.files or [EXAMPLES / "two-tenants.yaml"]
    files += [EXAMPLES / name for demo in arguments.demo for name in DEMOS[demo].files]
    arguments.target.find()
    plan = fabric.read(files)
    # What users connect to is opened in their own network namespace, before this process leaves it.
    doors = [forward.open_door(port) for port in (API_PORT, *(switch.grpc_port for switch in plan.switches))]
    namespaces.isolate()
    options = session.Options(
        files, arguments.target, arguments.demo, not arguments.no_matrix, arguments.once, arguments.report
    )
    return asyncio.run(_until_signal(session.run(Console(), plan, doors, options)))


async def _until_signal(work: Coroutine[Any, Any, int]) -> int:
    """Run to the end, or until the first SIGINT, SIGTERM or SIGHUP cancels it; the clean-up is done either way."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return EXIT_INTERRUPTED


def main() -> int:
    """Run the command line and return its exit status."""
    arguments = _parser().parse_args()
    try:
        if arguments.command == "exec":
            enter.execute(arguments.host, arguments.words or ["sh"])
        return _run(arguments)
    except TopoError as error:
        print(f"topo: {error}", file=sys.stderr)
        return EXIT_NOT_RUN


if __name__ == "__main__":
    sys.exit(main())

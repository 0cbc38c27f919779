# SPDX-License-Identifier: Apache-2.0
"""Packet tests against one target.

    python -m ptf_tests                              # softswitch on ptf's socket: no root, a few seconds
    python -m ptf_tests --target bmv2                # simple_switch_grpc on veth pairs in a private namespace
    python -m ptf_tests --target softswitch-veth     # softswitch on AF_PACKET, same links as BMv2
    python -m ptf_tests --test arp --test routing.RoutesBetweenSubnets
    python -m ptf_tests --target bmv2 --test differential --count 10000 --seed 7
    python -m ptf_tests --coverage                   # softswitch; what of the pipeline no test reaches
    python -m ptf_tests --list

The last line reads `N passed, N failed, N skipped`. Exit status: 0 when something ran and nothing failed, 1 when a test
failed or (--coverage) something is reached by none, 2 when nothing could run (the reason is printed).
`pytest tests/pipeline/test_ptf.py` runs the same command.
"""

import argparse
import inspect
import signal
import sys
import tempfile
from pathlib import Path

from ptf_tests import coverage, namespace, runner, targets
from ptf_tests.base import P4INFO_FILE
from ptf_tests.p4info import Schema

PIPELINE = Path(__file__).parents[1] / "p4src" / "build" / "v1model"
TARGETS = ("softswitch", "softswitch-veth", "bmv2", "tofino-model", "external")
EXIT_FAILED = 1
EXIT_NOTHING_RAN = 2


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ptf_tests", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", choices=TARGETS, default="softswitch", help="the switch to test")
    parser.add_argument(
        "--test", action="append", default=[], metavar="NAME", help="module, class or module.Class; may be repeated"
    )
    parser.add_argument("--list", action="store_true", help="print every behaviour and exit")
    parser.add_argument(
        "--pipeline", type=Path, default=PIPELINE, metavar="DIR", help="folder with P4Info and device config"
    )
    parser.add_argument(
        "--coverage",
        action="store_true",
        help="print which tables, actions, parser states and drop reasons no test reaches (softswitch; random frames "
        "are left out, because what they reach is luck)",
    )
    parser.add_argument("--seed", type=int, default=None, help="differential: repeat the run that printed this seed")
    parser.add_argument("--count", type=int, default=400, help="differential: how many random frames")
    parser.add_argument("--grpc-addr", default="127.0.0.1:9559", help="target external: its P4Runtime server")
    parser.add_argument("--device-id", type=int, default=targets.DEVICE_ID, help="target external: its device id")
    parser.add_argument(
        "-i",
        "--interface",
        action="append",
        default=[],
        metavar="PORT@IFACE",
        help="target external: the interface that is wired to a switch port",
    )
    return parser.parse_args(argv)


def _external(arguments: argparse.Namespace) -> targets.RunningTarget:
    port_map = {}
    for item in arguments.interface:
        port, _, interface = item.partition("@")
        port_map[(0, int(port))] = interface
    return targets.RunningTarget(arguments.grpc_addr, arguments.device_id, port_map=port_map)


def _print_list(names: list[str]) -> None:
    for test in runner.discover(names):
        print(f"{test.__module__.rpartition('.')[2]}.{test.__name__}\n    {inspect.getdoc(test)}")


def _run(arguments: argparse.Namespace, params: dict[str, object]) -> tuple[bool, runner.Summary]:
    """Runs a target of ours; gives whether coverage, if asked for, is complete."""
    with tempfile.TemporaryDirectory(prefix="p4vpc-ptf-coverage-") as folder:
        file = Path(folder) / "coverage.json" if arguments.coverage else None
        with targets.start(arguments.target, file) as target:
            summary = runner.run(target, arguments.pipeline, arguments.test, params)
        if file is None:
            return True, summary
        schema = Schema.parse((arguments.pipeline / P4INFO_FILE).read_text())
        text, is_covered = coverage.report(coverage.read(file, schema))
        print(text)
        return is_covered, summary


def main(argv: list[str]) -> int:
    """Runs the command line and gives the exit status."""
    arguments = _arguments(argv)
    params = {"seed": arguments.seed, "count": arguments.count}
    if arguments.coverage and arguments.target != "softswitch":
        print("--coverage is for target softswitch", file=sys.stderr)
        return EXIT_NOTHING_RAN
    if arguments.coverage and not arguments.test:
        arguments.test = [name for name in runner.modules() if name != "differential"]
    tests = runner.discover(arguments.test)
    if not tests:
        print(f"no test is called {', '.join(arguments.test)}; --list shows them", file=sys.stderr)
        return EXIT_NOTHING_RAN
    if arguments.list:
        _print_list(arguments.test)
        return 0
    if reason := targets.missing(arguments.target):
        print(f"{arguments.target}: {reason}", file=sys.stderr)
        print(runner.Summary(0, 0, len(tests)))
        return EXIT_NOTHING_RAN
    if targets.needs_namespace(arguments.target):
        namespace.run_inside(["-m", "ptf_tests", *argv])
    # Without this, the end by a signal would leave the target running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_FAILED))
    is_covered = True
    try:
        if arguments.target == "external":
            summary = runner.run(_external(arguments), arguments.pipeline, arguments.test, params)
        else:
            if arguments.target != "softswitch":
                namespace.prepare()
            is_covered, summary = _run(arguments, params)
    except targets.TargetError as error:
        print(error, file=sys.stderr)
        print(runner.Summary(0, 0, len(tests)))
        return EXIT_NOTHING_RAN
    print(summary)
    if summary.failed or not is_covered:
        return EXIT_FAILED
    return 0 if summary.passed else EXIT_NOTHING_RAN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

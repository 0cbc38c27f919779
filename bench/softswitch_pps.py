# SPDX-License-Identifier: Apache-2.0
"""Packets per second of softswitch: in memory, over veth, and BMv2 over the same veth links in the same run.

    python bench/softswitch_pps.py [--quick] [--json FILE] [--runs N] [--seconds S]

In memory is `Switch.process` in one thread, per second of CPU time: one core. Over veth, per second of the clock, the
sender and receiver (one Python process) and the switch share the machine's cores; up to 24 packets are in flight. The
same generator drives both switches.
"""

import shutil
import sys
import time
from functools import partial
from pathlib import Path as FilePath

import report
import traffic

from ptf_tests import base, namespace, targets
from ptf_tests.client import P4RuntimeClient
from ptf_tests.native import install
from ptf_tests.p4info import Schema
from softswitch.program import Program

_CHUNK = 16


def in_memory(pipeline: FilePath, path: traffic.Path, runs: int, seconds: float) -> report.Sample:
    """Packets per second through `Switch.process`."""
    switch = Program.from_json((pipeline / base.CONFIG_FILE).read_bytes()).instantiate()
    install(switch, traffic.entries())
    if any(not outputs for outputs in (switch.process(path.ingress, frame) for frame in path.frames)):
        raise SystemExit(f"{path.name}: the switch dropped a packet, nothing is measured")
    process, port, frames = switch.process, path.ingress, path.frames

    def measure() -> float:
        count = 0
        start = time.process_time()
        while (elapsed := time.process_time() - start) < seconds:
            for _ in range(_CHUNK):
                for frame in frames:
                    process(port, frame)
            count += _CHUNK * len(frames)
        return count / elapsed

    return report.repeat(runs, measure)


def over_veth(target: str, pipeline: FilePath, runs: int, seconds: float) -> dict[str, report.Sample]:
    """Packets per second through a switch process, by path."""
    result = {}
    schema = Schema.parse((pipeline / base.P4INFO_FILE).read_text())
    with (
        targets.start(target) as running,
        P4RuntimeClient(running.grpc_address, running.device_id, schema) as client,
    ):
        client.push_pipeline((pipeline / base.CONFIG_FILE).read_bytes())
        client.insert(traffic.entries())
        for path in traffic.paths():
            generator = traffic.VethGenerator(path)
            result[path.name] = report.repeat(runs, partial(generator.measure, seconds))
            generator.close()
            if generator.lost:
                print(f"{target}, {path.name}: {generator.lost} packets lost in all runs", file=sys.stderr)
    return result


def main(argv: list[str]) -> int:
    """Measures, prints and writes; gives the exit status."""
    options = report.parser(__doc__)
    options.add_argument("--runs", type=int, default=5, help="measurements of which the median is taken")
    options.add_argument("--seconds", type=float, default=2.0, help="length of one measurement")
    arguments = options.parse_args(argv)
    why_not = namespace.why_not()
    if why_not is None and not namespace.is_inside():
        namespace.run_inside([__file__, *argv])
    runs, seconds = (2, 0.3) if arguments.quick else (arguments.runs, arguments.seconds)
    over: dict[str, dict[str, report.Sample]] = {}
    if why_not is None:
        namespace.prepare()
        over["softswitch"] = over_veth("softswitch-veth", arguments.pipeline, runs, seconds)
        if shutil.which("simple_switch_grpc"):
            over["bmv2"] = over_veth("bmv2", arguments.pipeline, runs, seconds)
    result = report.Report(
        "softswitch_pps", ("path", "in memory", "veth, softswitch", "veth, BMv2", "softswitch / BMv2 over veth")
    )
    if why_not:
        result.notes.append(f"not measured over veth: {why_not}")
    if "bmv2" not in over:
        result.notes.append("BMv2 not measured: simple_switch_grpc is not on the PATH")
    for path in traffic.paths():
        memory = in_memory(arguments.pipeline, path, runs, seconds)
        cells = [
            memory.text(),
            *(over[name][path.name].text() if name in over else "-" for name in ("softswitch", "bmv2")),
        ]
        ratio = over["softswitch"][path.name].median / over["bmv2"][path.name].median if "bmv2" in over else None
        result.add(path.name, *cells, "-" if ratio is None else f"{ratio:.2f}")
        result.data[path.name] = {
            "in_memory_pps": memory.values,
            **{f"veth_{name}_pps": samples[path.name].values for name, samples in over.items()},
            "softswitch_over_bmv2": ratio,
        }
    result.notes.append(
        f"packets/s, median of {runs} runs of {seconds} s (lowest to highest), 64-byte tenant frames of "
        f"{traffic.FLOWS} flows; in memory per second of CPU time, over veth per second of the clock"
    )
    result.finish(arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

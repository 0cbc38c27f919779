# SPDX-License-Identifier: Apache-2.0
"""Milliseconds of processor time that one trace takes: loading the switches on the way, executing them, the verdict.

    python bench/trace.py [--quick] [--json FILE] [--ports N ...]

Every VPC is on every leaf (bench/world.py); traced is a TCP packet across leaf, spine and leaf with the reply to it.
The first trace of a controller compiles the program, which is told apart.
"""

import time
from functools import partial

import report
import world

from p4vpc.compiler import DesiredState, compile_switch
from p4vpc.model import Model
from p4vpc.services.trace import Answer, Held, Question, World, ask, desired_of
from p4vpc.southbound import Pipeline
from p4vpc_tracer import SoftswitchTracer

HOPS = 6
"""Leaf, spine, leaf, there and back."""


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--ports", type=int, nargs="+", default=[100, 1000, 5000], help="of the whole fabric")
    arguments = parser.parse_args()
    sizes, runs = ([100], 3) if arguments.quick else (arguments.ports, 15)
    result = report.Report("trace", ("ports", "entries of a leaf", "first trace, ms", "others, ms"))
    pipeline = Pipeline.load(arguments.pipeline)
    for ports in sizes:
        model = world.model_of(world.objects(ports))
        states = {name: compile_switch(model, name) for name in model.switches}
        make = partial(traced, model, pipeline, states)
        start = time.process_time()
        tracer = SoftswitchTracer()
        make(tracer, question_of(model, 0))
        first = (time.process_time() - start) * 1000
        question = next(it for at in range(ports) if hops(make(tracer, it := question_of(model, at))) == HOPS)

        def measure(make=make, tracer=tracer, question=question) -> float:
            start = time.process_time()
            make(tracer, question)
            return (time.process_time() - start) * 1000

        others, entries = report.repeat(runs, measure), max(map(len, states.values()))
        result.add(f"{ports:,}", f"{entries:,}", f"{first:,.0f}", others.text())
        result.data[str(ports)] = {"first_ms": first, "others_ms": others.values, "entries": entries}
    result.finish(arguments.json)


def question_of(model: Model, number: int) -> Question:
    """From the first port of a VPC to another one of it."""
    ports = next(iter(model.vpcs.values())).ports
    address = str(ports[number % len(ports)].addresses[0])
    return Question(ports[0].id, address, "tcp", destination_port=8000, is_reply=True)


def traced(
    model: Model, pipeline: Pipeline, states: dict[str, DesiredState], tracer: SoftswitchTracer, question: Question
) -> Answer:
    """As the controller does it, without its thread."""

    def held(name: str) -> Held:
        return desired_of(states[name], pipeline)

    return ask(question, World(model, pipeline, tracer, held))


def hops(answer: Answer) -> int:
    """How many switches the packet and its answer have come to."""
    return sum(len(it.walk.hops) for it in (answer.request, answer.reply) if it is not None)


if __name__ == "__main__":
    main()

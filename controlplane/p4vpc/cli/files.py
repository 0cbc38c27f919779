# SPDX-License-Identifier: Apache-2.0
"""Reading the files of a command: all of them, with all mistakes of all of them."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from p4vpc.errors import IntentError, Problem
from p4vpc.intent import Intent, Malformed, ObjectId, Reading, Reference, read_yaml

STDIN = Path("-")
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Documents:
    """What could be read of all files, and what could not; as `Reading`, for several texts."""

    intents: Sequence[Intent]
    problems: Sequence[Problem]
    malformed: Malformed
    sources: Mapping[ObjectId, str]

    def located(self, problems: Iterable[Problem]) -> list[Problem]:
        """Problems that somebody else has found, with the place in our files that their object comes from."""
        places = {str(object_id): source for object_id, source in self.sources.items()}
        return [replace(problem, source=places.get(problem.object, "")) for problem in problems]


def read_files(paths: Iterable[Path]) -> Documents:
    """Read YAML files, all YAML files of directories, and standard input (`-`).

    Raises:
        IntentError: a file cannot be read at all.
    """
    intents: dict[ObjectId, Intent] = {}
    problems: list[Problem] = []
    malformed: dict[ObjectId, tuple[Reference, ...]] = {}
    sources: dict[ObjectId, str] = {}
    for reading in _readings(paths):
        problems += reading.problems
        for object_id, references in reading.malformed.items():
            malformed[object_id] = tuple(dict.fromkeys((*malformed.get(object_id, ()), *references)))
        for object_id, source in reading.sources.items():
            first = sources.setdefault(object_id, source)
            if first != source:
                problems.append(
                    Problem(str(object_id), "", f"defined twice, first in {first}", "define it once", source)
                )
                malformed.setdefault(object_id, ())
        intents.update((intent.id, intent) for intent in reading.intents)
    whole = [intent for object_id, intent in intents.items() if object_id not in malformed]
    return Documents(whole, problems, malformed, sources)


def _readings(paths: Iterable[Path]) -> Iterator[Reading]:
    unreadable: list[Problem] = []
    readings: list[Reading] = []
    for path in paths:
        for file in _expand(path):
            try:
                data = sys.stdin.buffer.read() if file == STDIN else file.read_bytes()
            except OSError as error:
                unreadable.append(Problem("", "", f"cannot be read: {error.strerror}", "a YAML file", str(file)))
            else:
                readings.append(read_yaml(data, "<stdin>" if file == STDIN else str(file)))
    if unreadable:
        raise IntentError(unreadable)
    return iter(readings)


def _expand(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES)

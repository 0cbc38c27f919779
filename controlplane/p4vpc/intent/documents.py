# SPDX-License-Identifier: Apache-2.0
"""Documents: objects of intent as plain mappings, as they stand in YAML and JSON. All mistakes are reported at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from p4vpc.errors import IntentError, Problem
from p4vpc.intent.base import Intent
from p4vpc.intent.explain import explain
from p4vpc.intent.ids import ObjectId
from p4vpc.intent.kinds import KINDS, closest
from p4vpc.intent.references import Malformed, Reference, readable_references
from p4vpc.intent.values import printable
from p4vpc.intent.yaml_stream import Path, RawDocument, read_stream


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be read of a number of documents, and what could not.

    Attributes:
        intents: the objects that are well formed, in the order of the input.
        problems: all mistakes of shape.
        malformed: objects that have a problem but whose name could be read, with those of their references that could
            be read. Whoever goes on to check objects must not report references to these as dangling.
        sources: where each object stands: ``tenants.yaml, document 3, line 17``.
    """

    intents: tuple[Intent, ...]
    problems: tuple[Problem, ...]
    malformed: Malformed
    sources: Mapping[ObjectId, str]


def from_document(document: object, source: str = "") -> Intent:
    """Read one document (parsed YAML or JSON). `source` is put into the problems. IntentError lists all mistakes."""
    reader = _Reader(source)
    reader.read(document)
    reading = reader.reading()
    if reading.problems:
        raise IntentError(reading.problems)
    return reading.intents[0]


def read_documents(documents: Iterable[object], source: str = "") -> Reading:
    """Read parsed documents (a JSON list) as far as possible. `source` names the whole in problems."""
    reader = _Reader(source)
    for number, document in enumerate(documents, 1):
        reader.read(document, f"{source}, document {number}" if source else f"document {number}")
    return reader.reading()


def read_yaml(text: str | bytes, source: str) -> Reading:
    """Read a stream of YAML documents as far as possible. `source` names the text in problems."""
    reader = _Reader(source)
    for raw in read_stream(text):
        reader.read_raw(raw)
    return reader.reading()


def load_yaml(text: str | bytes, source: str) -> list[Intent]:
    """Read a stream of YAML documents, in order. Empty documents are skipped.

    `source` names the text in problems: a file name, or `<stdin>`. IntentError lists the mistakes of all documents,
    each with document, line, object, field and remedy.
    """
    reading = read_yaml(text, source)
    if reading.problems:
        raise IntentError(reading.problems)
    return list(reading.intents)


def to_document(intent: Intent) -> dict[str, Any]:
    """Return the object as its author would write it: kind, names, then the fields that were given."""
    return intent.document()


def dump_yaml(intents: Iterable[Intent]) -> str:
    """Write a stream of YAML documents that `load_yaml` reads back to equal objects."""
    documents = (to_document(intent) for intent in intents)
    dumper = yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper
    text = yaml.dump_all(documents, Dumper=dumper, sort_keys=False, allow_unicode=True, width=120, explicit_start=True)
    return str(text)


class _Reader:
    def __init__(self, source: str):
        self._source = source
        self._intents: dict[ObjectId, Intent] = {}
        self._problems: list[Problem] = []
        self._malformed: dict[ObjectId, tuple[Reference, ...]] = {}
        self._sources: dict[ObjectId, str] = {}

    def reading(self) -> Reading:
        return Reading(
            tuple(intent for key, intent in self._intents.items() if key not in self._malformed),
            tuple(self._problems),
            self._malformed,
            self._sources,
        )

    def read_raw(self, raw: RawDocument) -> None:
        """Read a YAML document with its lines and its mistakes of syntax."""
        name = f"{self._source}, document {raw.number}"
        if not raw.mistakes:
            self.read(raw.value, name, raw)
            return
        before = len(self._problems)
        if raw.value is not None:
            self.read(raw.value, name, raw)
        shape_problems = self._problems[before:]
        object_name, object_id = _identify(raw.value)
        seen = {mistake.path for mistake in raw.mistakes}
        self._problems[before:] = [
            Problem(object_name, format_path(m.path), m.message, m.remedy, f"{name}, line {m.line}")
            for m in raw.mistakes
        ] + [problem for problem in shape_problems if problem.field not in map(format_path, seen)]
        if object_id is not None:
            self._add_malformed(raw.value, object_id)

    def read(self, document: object, name: str = "", raw: RawDocument | None = None) -> None:
        """Read one document; keep the object or its problems."""
        name = name or self._source

        def source(path: Path) -> str:
            return f"{name}, line {raw.line_of(path)}" if raw is not None else name

        def report(path: Path, message: str, remedy: str) -> None:
            self._problems.append(Problem(object_name, format_path(path), message, remedy, source(path)))

        object_name, object_id = _identify(document)
        intent = None
        if not isinstance(document, dict):
            report((), "the document is not a mapping", "start with 'kind:', then one field a line")
            return
        kind = document.get("kind")
        if "kind" not in document:
            report(("kind",), "is missing", f"one of {', '.join(KINDS)}")
        elif not isinstance(kind, str) or kind not in KINDS:
            report(("kind",), f"there is no kind {str(kind)[:60]!r}", closest(str(kind), KINDS))
        else:
            try:
                intent = KINDS[kind].model_validate(document)
            except ValidationError as error:
                for path, message, remedy in explain(error, KINDS[kind], document):
                    report(path, message, remedy)
        if intent is not None and intent.id in self._sources:
            report((), f"defined twice, first in {self._sources[intent.id]}", "define it once")
            self._add_malformed(document, intent.id)
        elif intent is not None:
            self._intents[intent.id] = intent
        elif object_id is not None:
            self._add_malformed(document, object_id)
        if object_id is not None:
            self._sources.setdefault(object_id, source(()))

    def _add_malformed(self, document: object, object_id: ObjectId) -> None:
        known = self._malformed.get(object_id, ())
        found = readable_references(document, object_id) if isinstance(document, dict) else ()
        self._malformed[object_id] = tuple(dict.fromkeys((*known, *found)))


def format_path(path: Path) -> str:
    """Return `rules[2].peer.group` for a path."""
    text = ""
    for part in path:
        name = printable(str(part)[:80])
        text += f"[{part}]" if isinstance(part, int) else f".{name}" if text else name
    return text


def _identify(document: object) -> tuple[str, ObjectId | None]:
    """Return what to call a document in a problem, and its id if kind and names can be read."""
    if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
        return "", None
    kind = document["kind"]
    if kind not in KINDS:
        names = [document.get(field) for field in ("tenant", "vpc", "name")]
        given = [name for name in names if isinstance(name, str)]
        return printable(" ".join((kind[:60], "/".join(given)[:200])).strip()), None
    if not KINDS[kind].name_fields:
        return f"{kind} {kind}", ObjectId(kind, kind)
    parts = [document.get(field) for field in KINDS[kind].name_fields]
    key = "/".join(str(part)[:63] if isinstance(part, str | int) else "?" for part in parts)
    is_named = all(isinstance(part, str) and part for part in parts)
    return f"{kind} {printable(key)}", ObjectId(kind, key) if is_named else None

# SPDX-License-Identifier: Apache-2.0
"""A stream of YAML documents as plain values, with the line of every field and with all mistakes of syntax.

Text that people write goes through here, so nothing in it is left to luck:

* Only strings, whole numbers, `true`, `false`, `null`, lists and mappings are read. What YAML 1.1 makes of `no`, `012`,
  `0x10`, `1e3`, `2026-01-01` or `10:20:30:40:50:50` (a MAC address, and a number to base 60) stays the string it looks
  like.
* A key given twice is a mistake, as are keys that are not strings, merge keys and tags of other types.
* Aliases may be used, but not to blow a small text up to a large document. Depth is bounded. There is no recursion.
* A mistake of syntax costs its own document only: reading goes on at the next line that starts with `---`.
"""

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml
from yaml.reader import ReaderError

from p4vpc.intent.values import printable, shorten

Path: TypeAlias = tuple[str | int, ...]

MAX_DEPTH = 64
MAX_ALIASED_NODES = 100_000
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,19})")
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_TAG = "tag:yaml.org,2002:"
_DOCUMENT_START = re.compile(r"^---(?=[\s]|$)", re.MULTILINE)
_NOTHING_BUT_COMMENTS = re.compile(r"(?:[ \t]*(?:#[^\n]*)?(?:\n|$)|%[^\n]*(?:\n|$))*")


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something in a document that is not as it must be: where (line counted from 1, field), what, and the remedy."""

    line: int
    path: Path
    message: str
    remedy: str


@dataclass(slots=True)
class RawDocument:
    """One document. `value` is None and `mistakes` is not empty if it could not be read at all."""

    number: int
    line: int
    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def line_of(self, path: Path) -> int:
        """Line of the field, or of the innermost thing around it that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, self.line)


def read_stream(text: str | bytes) -> Iterator[RawDocument]:
    """Yield the documents of a stream in order; empty ones are skipped and not counted."""
    if isinstance(text, bytes):
        raw = text
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw[: error.start].count(b"\n") + 1
            mistake = Mistake(line, (), f"byte 0x{raw[error.start]:02x} is not UTF-8", "save the file as UTF-8")
            yield RawDocument(1, line, mistakes=[mistake])
            return
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    number = 0
    for line, chunk in _chunks(text):
        for document in _read_chunk(chunk, line):
            number += 1
            document.number = number
            yield document


def _chunks(text: str) -> Iterator[tuple[int, str]]:
    """Cut where a document starts, which YAML allows nowhere else; yield (line before the chunk, chunk)."""
    starts = [match.start() for match in _DOCUMENT_START.finditer(text)]
    line = 0
    for start, end in zip([0, *starts], [*starts, len(text)], strict=True):
        chunk = text[start:end]
        if not _NOTHING_BUT_COMMENTS.fullmatch(chunk):
            yield line, chunk
        line += chunk.count("\n")


def _read_chunk(chunk: str, line: int) -> Iterator[RawDocument]:
    builder: _Builder | None = None
    parser: Any = None
    try:
        parser = _parser_class()(chunk)
        while parser.check_event():
            event = parser.get_event()
            if isinstance(event, yaml.DocumentStartEvent):
                builder = _Builder(line)
            elif isinstance(event, yaml.DocumentEndEvent):
                if builder is not None and not builder.is_empty:
                    yield builder.document
                builder = None
            elif builder is not None:
                builder.add(event)
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        document = builder.document if builder is not None else RawDocument(0, line + 1)
        document.value = None
        document.mistakes.append(_syntax_mistake(error, line, chunk))
        yield document
    finally:
        if parser is not None:
            parser.dispose()


def _parser_class() -> Any:
    """LibYAML's parser where PyYAML was built with it: ten times as fast."""
    return yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


def _syntax_mistake(error: Exception, line: int, chunk: str) -> Mistake:
    remedy = "must be YAML: fields as 'name: value', indented with spaces"
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        number = mark.line if mark else 0
        rows = chunk.split("\n")
        if number < len(rows) and re.match(r" *\t", rows[number]):
            return Mistake(line + number + 1, (), "the line is indented with a tab", "indent with spaces")
        said = " ".join(part for part in (error.problem, error.context) if part)
        return Mistake(line + number + 1, (), f"not YAML: {said}", remedy)
    if isinstance(error, ReaderError):
        before = chunk[: error.position] if isinstance(error.position, int) else ""
        number = line + before.count("\n") + 1
        return Mistake(number, (), "not YAML: a control character", "remove characters that do not print")
    return Mistake(line + 1, (), "not YAML: a lone surrogate", "save the file as UTF-8")


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being filled."""

    value: list[Any] | dict[str, Any]
    path: Path
    anchor: str | None
    nodes: int = 1
    key: str | None = None
    is_key_next: bool = True
    is_skipping: bool = False


class _Builder:
    """Builds one document from parser events, on a stack of its own."""

    def __init__(self, line: int):
        self._line = line
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int] | None] = {}
        self._aliased = 0
        self._ignored_depth = 0
        self.is_empty = True
        self.document = RawDocument(0, line + 1)

    def add(self, event: Any) -> None:
        """Take the parser's next event."""
        if self._ignored_depth:
            self._ignored_depth += isinstance(event, yaml.CollectionStartEvent)
            self._ignored_depth -= isinstance(event, yaml.CollectionEndEvent)
            return
        if isinstance(event, yaml.CollectionEndEvent):
            done = self._stack.pop()
            if done.anchor is not None:
                self._anchors[done.anchor] = (done.value, done.nodes)
            if self._stack:
                self._stack[-1].nodes += done.nodes
            return
        line = self._line + event.start_mark.line + 1
        if not self._stack:
            self.document.line = line
            self.is_empty = False
        if isinstance(event, yaml.AliasEvent):
            self._place(self._alias(event.anchor, line), line)
        elif isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event, line)
            if event.anchor is not None:
                self._anchors[event.anchor] = (value, 1)
            if not self._stack and value is None:
                self.is_empty = not self.document.mistakes
            self._place(value, line)
        else:
            self._open(event, line)

    def _mistake(self, line: int, message: str, remedy: str, path: Path | None = None) -> None:
        self.document.mistakes.append(Mistake(line, self._path() if path is None else path, message, remedy))

    def _path(self) -> Path:
        """Path of the value that comes next."""
        if not self._stack:
            return ()
        top = self._stack[-1]
        if isinstance(top.value, list):
            return (*top.path, len(top.value))
        return top.path if top.key is None else (*top.path, top.key)

    def _open(self, event: Any, line: int) -> None:
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        if self._stack and isinstance(self._stack[-1].value, dict) and self._stack[-1].is_key_next:
            self._mistake(line, "a list or mapping is used as a field's name", "a field's name is a word")
            self._ignored_depth = 1
            self._stack[-1].is_key_next = False
            self._stack[-1].is_skipping = True
            return
        if self._stack and self._stack[-1].is_skipping:
            self._ignored_depth = 1
            self._place(None, line)
            return
        if len(self._stack) >= MAX_DEPTH:
            self._mistake(line, f"nested more than {MAX_DEPTH} deep", "no object needs more than 5 levels")
            self._ignored_depth = 1
            self._place(None, line)
            return
        if event.tag not in (None, "!", _TAG + ("map" if is_mapping else "seq")):
            self._mistake(line, f"the tag {printable(event.tag)} is not known", "remove the tag")
        path = self._path()
        value: list[Any] | dict[str, Any] = {} if is_mapping else []
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._place(value, line)
        self._stack.append(_Open(value, path, event.anchor))

    def _place(self, value: Any, line: int) -> None:
        if not self._stack:
            self.document.value = value
            self.document.lines[()] = line
            return
        top = self._stack[-1]
        top.nodes += 1
        if isinstance(top.value, list):
            self.document.lines[(*top.path, len(top.value))] = line
            top.value.append(value)
        elif top.is_key_next:
            self._place_key(top, top.value, value, line)
        else:
            if top.key is not None and not top.is_skipping:
                top.value[top.key] = value
            top.key, top.is_key_next, top.is_skipping = None, True, False

    def _place_key(self, top: _Open, mapping: dict[str, Any], key: Hashable, line: int) -> None:
        top.is_key_next = False
        if not isinstance(key, str):
            self._mistake(line, f"a field's name is {_describe(key)}", "a field's name is a word")
            top.is_skipping = True
        elif key == "<<":
            self._mistake(line, "merge keys are not supported", "write the fields out")
            top.is_skipping = True
        elif key in mapping:
            first = self.document.lines[(*top.path, key)]
            self._mistake(line, f"given twice, first on line {first}", "give it once", (*top.path, key))
            top.is_skipping = True
        else:
            top.key = key
            mapping[key] = None
            self.document.lines[(*top.path, key)] = line

    def _alias(self, anchor: str | None, line: int) -> Any:
        if anchor is None or anchor not in self._anchors:
            self._mistake(line, f"the alias *{anchor} has no anchor before it", f"put &{anchor} at what it stands for")
            return None
        target = self._anchors[anchor]
        if target is None:
            self._mistake(line, f"the alias *{anchor} contains itself", "write the value out")
            return None
        value, nodes = target
        self._aliased += nodes
        if self._aliased > MAX_ALIASED_NODES:
            self._mistake(line, "aliases make the document too large", "write the values out, in several documents")
            return None
        if self._stack:
            self._stack[-1].nodes += nodes
        return value

    def _scalar(self, event: Any, line: int) -> Any:
        text: str = event.value
        if event.tag in (None, "!"):
            is_plain = event.implicit[0] and event.tag is None
            return _resolve(text) if is_plain else text
        if event.tag == _TAG + "str":
            return text
        if event.tag not in (_TAG + "int", _TAG + "bool", _TAG + "null"):
            self._mistake(line, f"the tag {printable(event.tag)} is not known", "remove the tag")
        return _resolve(text)


def _resolve(text: str) -> Any:
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    return int(text) if _INTEGER.fullmatch(text) else text


def _describe(value: object) -> str:
    if value is None:
        return "empty"
    return f"{shorten(value)}, not a string"

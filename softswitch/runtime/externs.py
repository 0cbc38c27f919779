# SPDX-License-Identifier: Apache-2.0
"""Stateful externs: counters, meters, registers, parser value sets, digests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from softswitch.errors import EntryExistsError, EntryNotFoundError, InvalidEntryError, TableFullError


def _check_index(kind: str, name: str, index: int, size: int) -> None:
    if not 0 <= index < size:
        raise InvalidEntryError(f"{kind} {name}: index {index} is outside 0..{size - 1}")


class Counter:
    """An indirect counter array; BMv2 counts packets and bytes whatever the declared type.

    ``packets`` and ``bytes`` are what generated code increments; a control plane uses `read` and `write`.
    """

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.size = size
        self.packets = [0] * size
        self.bytes = [0] * size

    def read(self, index: int) -> tuple[int, int]:
        """Packets and bytes of one cell.

        :raises InvalidEntryError: the index is outside the array.
        """
        _check_index("counter", self.name, index, self.size)
        return self.packets[index], self.bytes[index]

    def write(self, index: int, packets: int, octets: int) -> None:
        """Set one cell; raises as `read` does."""
        _check_index("counter", self.name, index, self.size)
        self.packets[index] = packets
        self.bytes[index] = octets

    def clear(self) -> None:
        """Set every cell to zero."""
        self.packets[:] = [0] * self.size
        self.bytes[:] = [0] * self.size


class Register:
    """A register array; ``cells`` is what generated code reads and writes."""

    def __init__(self, name: str, size: int, width: int) -> None:
        self.name = name
        self.size = size
        self.width = width
        self.cells = [0] * size

    def read(self, index: int) -> int:
        """Value of one cell.

        :raises InvalidEntryError: the index is outside the array.
        """
        _check_index("register", self.name, index, self.size)
        return self.cells[index]

    def write(self, index: int, value: int) -> None:
        """Set one cell.

        :raises InvalidEntryError: the index is outside the array or the value wider than a cell.
        """
        _check_index("register", self.name, index, self.size)
        if not 0 <= value < 1 << self.width:
            raise InvalidEntryError(f"register {self.name}: a cell is {self.width} bits wide, not {value:#x}")
        self.cells[index] = value

    def clear(self) -> None:
        """Set every cell to zero."""
        self.cells[:] = [0] * self.size


@dataclass(frozen=True, slots=True)
class MeterConfig:
    """Two rates per second and two bursts, in packets or bytes as the meter's unit says."""

    committed_rate: int
    committed_burst: int
    peak_rate: int
    peak_burst: int

    def check(self, owner: str) -> None:
        """Refuse negative values and a committed rate above the peak rate.

        :raises InvalidEntryError: naming the owner and the field.
        """
        for field in ("committed_rate", "committed_burst", "peak_rate", "peak_burst"):
            if getattr(self, field) < 0:
                raise InvalidEntryError(f"{owner}: {field} is negative")
        if self.committed_rate > self.peak_rate:
            raise InvalidEntryError(
                f"{owner}: the committed rate {self.committed_rate} is above the peak rate {self.peak_rate}"
            )


class MeterState:
    """One two-rate three-colour meter, with the token arithmetic of BMv2.

    Both buckets start full. A packet that finds too few tokens in the peak bucket is red and takes none; one that
    finds too few in the committed bucket is yellow and has taken peak tokens.
    """

    __slots__ = ("_committed_last", "_committed_tokens", "_peak_last", "_peak_tokens", "_start_us", "config")

    def __init__(self) -> None:
        self.config: MeterConfig | None = None
        self._start_us = 0
        self._peak_tokens = 0
        self._peak_last = 0
        self._committed_tokens = 0
        self._committed_last = 0

    def configure(self, config: MeterConfig | None, now_us: int) -> None:
        """Set the rates and fill both buckets; None makes every packet green again."""
        self.config = config
        if config is not None:
            self._start_us = now_us
            self._peak_tokens, self._peak_last = config.peak_burst, 0
            self._committed_tokens, self._committed_last = config.committed_burst, 0

    def execute(self, cost: int, now_us: int) -> int:
        """Colour of a packet of that cost (1, or its bytes): 0 green, 1 yellow, 2 red."""
        config = self.config
        if config is None:
            return 0
        elapsed_us = now_us - self._start_us
        earned = elapsed_us * config.peak_rate // 1_000_000
        self._peak_tokens = min(self._peak_tokens + earned - self._peak_last, config.peak_burst)
        self._peak_last = earned
        if self._peak_tokens < cost:
            return 2
        self._peak_tokens -= cost
        earned = elapsed_us * config.committed_rate // 1_000_000
        self._committed_tokens = min(self._committed_tokens + earned - self._committed_last, config.committed_burst)
        self._committed_last = earned
        if self._committed_tokens < cost:
            return 1
        self._committed_tokens -= cost
        return 0


class Meter:
    """An indirect meter array; ``unit`` is ``packets`` or ``bytes``."""

    def __init__(self, name: str, size: int, unit: str, now_us: Callable[[], int]) -> None:
        self.name = name
        self.size = size
        self.unit = unit
        self._now_us = now_us
        self._cells: dict[int, MeterState] = {}

    def configure(self, index: int, config: MeterConfig | None) -> None:
        """Set the rates of one cell; None returns it to "always green".

        :raises InvalidEntryError: the index is outside the array or the rates contradict each other.
        """
        _check_index("meter", self.name, index, self.size)
        if config is None:
            self._cells.pop(index, None)
            return
        config.check(f"meter {self.name}[{index}]")
        self._cells.setdefault(index, MeterState()).configure(config, self._now_us())

    def read(self, index: int) -> MeterConfig | None:
        """Rates of one cell, None when it was never configured; raises as `configure` does."""
        _check_index("meter", self.name, index, self.size)
        cell = self._cells.get(index)
        return cell.config if cell else None

    def configured(self) -> Iterator[tuple[int, MeterConfig]]:
        """The cells that have rates, by index; an array is large and mostly has none."""
        for index, cell in sorted(self._cells.items()):
            if cell.config is not None:
                yield index, cell.config

    def execute(self, index: int, length: int) -> int:
        """Colour of a packet of ``length`` bytes."""
        cell = self._cells.get(index)
        if cell is None:
            return 0
        return cell.execute(1 if self.unit == "packets" else length, self._now_us())

    def clear(self) -> None:
        """Return every cell to "always green"."""
        self._cells.clear()


class ValueSet:
    """A parser value set: whole values of ``width`` bits that a ``select`` compares with."""

    def __init__(self, name: str, width: int, max_size: int) -> None:
        self.name = name
        self.width = width
        self.max_size = max_size
        self.values: set[int] = set()

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self.values))

    def __len__(self) -> int:
        return len(self.values)

    def insert(self, value: int) -> None:
        """Add a value.

        :raises InvalidEntryError: it is wider than the set's values.
        :raises EntryExistsError: it is there.
        :raises TableFullError: the set is full.
        """
        if not 0 <= value < 1 << self.width:
            raise InvalidEntryError(f"value set {self.name}: a value is {self.width} bits wide, not {value:#x}")
        if value in self.values:
            raise EntryExistsError(f"value set {self.name}: {value:#x} is there")
        if self.max_size and len(self.values) >= self.max_size:
            raise TableFullError(f"value set {self.name} holds {self.max_size} values, no more")
        self.values.add(value)

    def delete(self, value: int) -> None:
        """Remove a value.

        :raises EntryNotFoundError: it is not there.
        """
        if value not in self.values:
            raise EntryNotFoundError(f"value set {self.name}: no value {value:#x}")
        self.values.remove(value)

    def clear(self) -> None:
        """Remove every value."""
        self.values.clear()


@dataclass(frozen=True, slots=True)
class Digest:
    """One digest message that a packet produced: the list's name and the values in declaration order."""

    name: str
    values: tuple[int, ...]

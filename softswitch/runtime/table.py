# SPDX-License-Identifier: Apache-2.0
"""A match-action table: checked writes on one side, one dict lookup per packet on the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from softswitch.errors import (
    ConstantEntryError,
    EntryExistsError,
    EntryNotFoundError,
    InvalidEntryError,
    TableFullError,
)
from softswitch.runtime.entries import (
    ActionCall,
    ActionInfo,
    ActionRef,
    ActionSet,
    Entry,
    GroupRef,
    KeyField,
    MatchKind,
    MatchValue,
    MemberRef,
    check_call,
)
from softswitch.runtime.externs import MeterConfig, MeterState
from softswitch.runtime.lookup import LpmLookup, TernaryLookup
from softswitch.runtime.profile import ActionProfile

CACHE_LIMIT = 65536
"""Looked-up keys that a table remembers; a flood of new keys empties the cache and costs speed, never memory."""

LookupKey: TypeAlias = int | tuple[int, ...]
"""What generated code looks up: the value of a single key field, or a tuple of all."""


class Table:
    """One table of a switch.

    Generated code reads two members only: ``index``, a dict from the looked-up key to an entry, and `resolve`, called
    when a table that is not exact has no result for that key in ``index``. An exact table keeps all its entries in
    ``index``; in others it caches results, misses included, and every write empties it.
    """

    def __init__(
        self,
        name: str,
        key: tuple[KeyField, ...],
        actions: Mapping[str, ActionInfo],
        max_size: int,
        *,
        default_action: ActionCall | None = None,
        has_const_default: bool = False,
        profile: ActionProfile | None = None,
        has_counter: bool = False,
        meter_name: str | None = None,
        has_idle_timeout: bool = False,
    ) -> None:
        self.name = name
        self.key = key
        self.actions = actions
        self.max_size = max_size
        self.has_const_default = has_const_default
        self.has_const_entries = False
        self.profile = profile
        self.has_counter = has_counter
        self.meter_name = meter_name
        self.has_idle_timeout = has_idle_timeout
        kinds = {field.kind for field in key}
        self.needs_priority = bool(kinds & {MatchKind.TERNARY, MatchKind.RANGE, MatchKind.OPTIONAL})
        self.is_exact = kinds <= {MatchKind.EXACT}
        self._lookup: LpmLookup | TernaryLookup | None = None
        if self.needs_priority or sum(field.kind is MatchKind.LPM for field in key) > 1:
            self._lookup = TernaryLookup(key)
        elif not self.is_exact:
            self._lookup = LpmLookup(key)
        self._is_single = len(key) == 1
        self.index: dict[LookupKey, Entry] = {}
        self._entries: dict[tuple[tuple[MatchValue, ...], int], Entry] = {}
        self._initial_default = default_action
        self.default_entry = Entry((), 0, ActionCall(""))
        self._store_default(default_action)

    # -- reading ------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"Table({self.name}, {len(self)} of {self.max_size} entries)"

    def get(self, key: tuple[MatchValue, ...], priority: int = 0) -> Entry:
        """Return the entry with this key and priority.

        :raises InvalidEntryError: the key does not fit the table.
        :raises EntryNotFoundError: there is no such entry.
        """
        self._check_key(key, priority)
        entry = self._entries.get((key, priority))
        if entry is None:
            raise EntryNotFoundError(f"table {self.name}: no entry {self._show(key, priority)}")
        return entry

    def lookup(self, *values: int) -> Entry | None:
        """Return the entry that a packet with these values would hit, or None."""
        packet_key: LookupKey = values[0] if self._is_single else values
        if self._lookup is None:
            return self.index.get(packet_key)
        return self._lookup.resolve(values)

    def resolve(self, packet_key: LookupKey) -> Entry:
        """Search for a key that ``index`` has not, remember and return the result (the default entry for a miss)."""
        entry: Entry | None = None
        if self._lookup is not None:
            entry = self._lookup.resolve((packet_key,) if isinstance(packet_key, int) else packet_key)
            if len(self.index) >= CACHE_LIMIT:
                self.index.clear()
            self.index[packet_key] = entry or self.default_entry
        return entry or self.default_entry

    # -- writing ------------------------------------------------------------------------------------------------

    def insert(
        self,
        key: tuple[MatchValue, ...],
        action: ActionRef,
        priority: int = 0,
        *,
        idle_timeout_ns: int = 0,
        metadata: bytes = b"",
    ) -> Entry:
        """Add an entry. In tables with ternary, range or optional fields the higher priority wins.

        :raises InvalidEntryError: key, priority or action do not fit the table.
        :raises ConstantEntryError: the program fixes the entries.
        :raises EntryExistsError: there is an entry with this key and priority.
        :raises EntryNotFoundError: the member or group does not exist.
        :raises TableFullError: the table or its action profile is full.
        """
        self._require_writable()
        return self._insert(key, action, priority, idle_timeout_ns=idle_timeout_ns, metadata=metadata)

    def modify(
        self,
        key: tuple[MatchValue, ...],
        action: ActionRef,
        priority: int = 0,
        *,
        idle_timeout_ns: int = 0,
        metadata: bytes = b"",
    ) -> Entry:
        """Change the action of an entry; its counters stay. Raises as `insert`, or EntryNotFoundError."""
        self._require_writable()
        entry = self.get(key, priority)
        self._check_timeout(idle_timeout_ns)
        self._point(entry, action)
        entry.idle_timeout_ns = idle_timeout_ns
        entry.metadata = metadata
        return entry

    def delete(self, key: tuple[MatchValue, ...], priority: int = 0) -> Entry:
        """Remove and return an entry.

        :raises InvalidEntryError: the key does not fit the table.
        :raises ConstantEntryError: the program fixes the entries.
        :raises EntryNotFoundError: there is no such entry.
        """
        self._require_writable()
        entry = self.get(key, priority)
        self._remove(entry)
        return entry

    def clear(self) -> None:
        """Remove all entries that the program does not fix, and give the default action back its initial value."""
        for entry in [entry for entry in self if not entry.is_const]:
            self._remove(entry)
        self._store_default(self._initial_default)

    def load(self, key: tuple[MatchValue, ...], action: ActionCall, priority: int, *, is_const: bool) -> Entry:
        """Add an entry that the program itself declares; ``is_const`` fixes all entries. Raises as `insert`."""
        entry = self._insert(key, action, priority)
        entry.is_const = is_const
        self.has_const_entries |= is_const
        return entry

    @property
    def default_action(self) -> ActionCall | None:
        """The action for a miss; None does nothing."""
        action = self.default_entry.action
        return action if isinstance(action, ActionCall) and action.name else None

    def set_default(self, action: ActionCall) -> None:
        """Change the action for a miss.

        :raises InvalidEntryError: unknown action or parameters that do not fit.
        :raises ConstantEntryError: the program fixes the default action.
        """
        if self.has_const_default:
            raise ConstantEntryError(f"table {self.name}: the default action is constant")
        check_call(action, self.actions, f"table {self.name}")
        self._store_default(action)

    def reset_default(self) -> None:
        """Give the default action back its initial value; does nothing where it is constant."""
        self._store_default(self._initial_default)

    def configure_meter(self, entry: Entry, config: MeterConfig | None, now_us: int) -> None:
        """Set the direct meter of an entry; None makes it green for ever.

        :raises InvalidEntryError: the table has no direct meter or the rates contradict each other.
        """
        if self.meter_name is None:
            raise InvalidEntryError(f"table {self.name} has no direct meter")
        if config is None:
            entry.meter = None
            return
        config.check(f"meter {self.meter_name}")
        entry.meter = entry.meter or MeterState()
        entry.meter.configure(config, now_us)

    # -- inside -------------------------------------------------------------------------------------------------

    def _require_writable(self) -> None:
        if self.has_const_entries:
            raise ConstantEntryError(f"table {self.name}: the program fixes its entries")
        if not self.key:
            raise InvalidEntryError(f"table {self.name} has no key, so no entries; set its default action")

    def _check_key(self, key: tuple[MatchValue, ...], priority: int) -> None:
        if len(key) != len(self.key):
            raise InvalidEntryError(
                f"table {self.name}: the key has {len(self.key)} fields"
                f" ({', '.join(field.name for field in self.key)}), not {len(key)}"
            )
        for field, value in zip(self.key, key, strict=True):
            field.check(value, self.name)
        if self.needs_priority and priority <= 0:
            raise InvalidEntryError(f"table {self.name}: an entry needs a priority above 0, not {priority}")
        if not self.needs_priority and priority:
            raise InvalidEntryError(f"table {self.name}: exact and LPM entries have priority 0, not {priority}")

    def _check_timeout(self, idle_timeout_ns: int) -> None:
        if idle_timeout_ns < 0 or (idle_timeout_ns and not self.has_idle_timeout):
            raise InvalidEntryError(f"table {self.name} does not support an idle timeout of {idle_timeout_ns} ns")

    def _insert(
        self,
        key: tuple[MatchValue, ...],
        action: ActionRef,
        priority: int,
        *,
        idle_timeout_ns: int = 0,
        metadata: bytes = b"",
    ) -> Entry:
        self._check_key(key, priority)
        self._check_timeout(idle_timeout_ns)
        identity = (key, priority)
        if identity in self._entries:
            raise EntryExistsError(f"table {self.name}: there is an entry {self._show(key, priority)}")
        if len(self._entries) >= self.max_size:
            raise TableFullError(f"table {self.name} holds {self.max_size} entries, no more")
        entry = Entry(key, priority, ActionCall(""))
        self._point(entry, action)
        entry.idle_timeout_ns = idle_timeout_ns
        entry.metadata = metadata
        self._entries[identity] = entry
        if self._lookup is None:
            self.index[self._packet_key(key)] = entry
        else:
            self._lookup.insert(entry)
            self.index.clear()
        return entry

    def _remove(self, entry: Entry) -> None:
        del self._entries[entry.key, entry.priority]
        if self._lookup is None:
            del self.index[self._packet_key(entry.key)]
        else:
            self._lookup.remove(entry)
            self.index.clear()
        self._release(entry)

    def _packet_key(self, key: tuple[MatchValue, ...]) -> LookupKey:
        values = tuple(value for value in key if isinstance(value, int))
        return values[0] if self._is_single else values

    def _point(self, entry: Entry, action: ActionRef) -> None:
        """Let an entry refer to an action, after everything was checked."""
        if isinstance(action, ActionCall):
            if self.profile is not None:
                raise InvalidEntryError(
                    f"table {self.name} takes a member, group or action set of {self.profile.name}, not an action"
                )
            info = check_call(action, self.actions, f"table {self.name}")
            entry.code, entry.args, entry.action = info.code, action.params, action
            return
        if self.profile is None:
            raise InvalidEntryError(f"table {self.name} has no action profile; it takes an action")
        if isinstance(action, MemberRef):
            member = self.profile.member(action.member_id)
            self._release(entry)
            member.entries.add(entry)
            entry.code, entry.args, entry.group = member.code, member.args, None
        elif isinstance(action, GroupRef):
            group = self.profile.group(action.group_id)
            self._release(entry)
            group.entry_count += 1
            entry.code, entry.args, entry.group = -1, (), group
        else:
            replaced = entry.group if isinstance(entry.action, ActionSet) else None
            group = self.profile.create_one_shot(action, replaced)
            self._release(entry)
            entry.code, entry.args, entry.group = -1, (), group
        entry.action = action

    def _release(self, entry: Entry) -> None:
        """Take an entry's reference away from its member or group."""
        if self.profile is None:
            return
        match entry.action:
            case MemberRef(member_id):
                self.profile.member(member_id).entries.discard(entry)
            case GroupRef():
                if entry.group is not None:
                    entry.group.entry_count -= 1
            case ActionSet():
                if entry.group is not None:
                    self.profile.release_one_shot(entry.group)
        entry.group = None

    def _store_default(self, action: ActionCall | None) -> None:
        entry = self.default_entry
        if action is None:
            entry.action, entry.code, entry.args = ActionCall(""), -1, ()
        else:
            entry.action, entry.code, entry.args = action, self.actions[action.name].code, action.params

    def _show(self, key: tuple[MatchValue, ...], priority: int) -> str:
        shown = ", ".join(f"{field.name}={value}" for field, value in zip(self.key, key, strict=True))
        return f"({shown})" + (f" priority {priority}" if priority else "")

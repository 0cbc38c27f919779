# SPDX-License-Identifier: Apache-2.0
"""Actions: Action messages to the engine's calls and back (P4Runtime 1.5, section 9.1.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from finsy.proto import p4i, p4r

from softswitch.p4runtime import bytestring
from softswitch.p4runtime.status import invalid
from softswitch.runtime.entries import ActionCall

Params = Sequence[p4r.Action.Param]


class ActionCodec:
    """One action of the P4Info: its parameters by id, in declaration order."""

    def __init__(self, action: p4i.Action) -> None:
        self.action_id = action.preamble.id
        self.name = action.preamble.name
        self._what = f"action {self.name}"
        self._names = {param.id: param.name for param in action.params}
        self._param_ids = tuple(param.id for param in action.params)
        self._decoders: dict[int, tuple[int, Callable[[bytes], int]]] = {
            param.id: (
                position,
                bytestring.decoder(param.bitwidth, f"{self._what}: parameter {param.name}"),
            )
            for position, param in enumerate(action.params)
        }

    def decode(self, params: Params) -> ActionCall:
        """The call with these parameters. Raises StatusError when one is unknown, doubled, missing or too wide."""
        expected = self._param_ids
        if len(params) != len(expected):
            raise self._wrong_params(params)
        values = [-1] * len(expected)
        decoders = self._decoders
        for param in params:
            slot = decoders.get(param.param_id)
            if slot is None:
                raise self._wrong_params(params)
            position, to_int = slot
            values[position] = to_int(param.value)
        if -1 in values:
            raise self._wrong_params(params)
        return ActionCall(self.name, tuple(values))

    def encode(self, call: ActionCall, message: p4r.Action) -> None:
        """Fill in the canonical Action message of a call."""
        message.action_id = self.action_id
        if self._param_ids:
            params, to_bytes = message.params, bytestring.encode
            for param_id, value in zip(self._param_ids, call.params, strict=True):
                params.add(param_id=param_id, value=to_bytes(value))

    def _wrong_params(self, params: Params) -> Exception:
        given = [param.param_id for param in params]
        problems = [f"there is no parameter with id {number}" for number in given if number not in self._names]
        problems += [f"parameter {name} is given twice" for i, name in self._names.items() if given.count(i) > 1]
        problems += [f"parameter {name} is missing" for i, name in self._names.items() if i not in given]
        return invalid(f"{self._what}: {'; '.join(problems)}")


class ActionSetCodec:
    """The actions that one table or action profile may use."""

    def __init__(self, owner: str, allowed: Mapping[int, ActionCodec]) -> None:
        self._owner = owner
        self._allowed = dict(allowed)
        self._by_name = {codec.name: codec for codec in self._allowed.values()}

    def decode(self, action: p4r.Action) -> ActionCall:
        """The call. Raises StatusError for an action that is not one of these, or wrong parameters."""
        codec = self._allowed.get(action.action_id)
        if codec is None:
            known = ", ".join(f"{codec.action_id} ({codec.name})" for codec in self._allowed.values()) or "none"
            raise invalid(f"{self._owner}: action id {action.action_id} is not one of its actions: {known}")
        return codec.decode(action.params)

    def encode(self, call: ActionCall, message: p4r.Action) -> None:
        """Fill in the canonical Action message of a call."""
        self._by_name[call.name].encode(call, message)

    def check_id(self, action_id: int) -> str:
        """The name of an action by id. Raises StatusError when it is not one of these."""
        codec = self._allowed.get(action_id)
        if codec is None:
            raise invalid(f"{self._owner}: action id {action_id} is not one of its actions")
        return codec.name

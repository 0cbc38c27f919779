# SPDX-License-Identifier: Apache-2.0
"""Forwarding pipeline configs: verify, save, commit, reconcile (P4Runtime 1.5, sections 14 and 15)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TypeAlias

from finsy.proto import p4r
from grpc import StatusCode

from softswitch.errors import ProgramError
from softswitch.p4runtime.device import Device
from softswitch.p4runtime.pipeline import Pipeline, build_pipeline
from softswitch.p4runtime.status import StatusError, invalid, not_found
from softswitch.program import Program

Action = p4r.SetForwardingPipelineConfigRequest
MAX_MESSAGE_LENGTH = 4000

ActionType: TypeAlias = p4r.SetForwardingPipelineConfigRequest.Action.ValueType


@dataclass(frozen=True)
class VerifiedConfig:
    """A config with the pipeline that was built from it, not yet in use."""

    config: p4r.ForwardingPipelineConfig
    pipeline: Pipeline


class ConfigManager:
    """Two slots: the pipeline that processes packets, and one that is saved and waits for its COMMIT.

    Reads and writes go to the saved one while there is one, so a COMMIT finds everything written since.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._saved: Pipeline | None = None
        self._program: tuple[bytes, Program] | None = None

    @property
    def target(self) -> Pipeline | None:
        """The pipeline that reads and writes mean."""
        return self._saved or self._device.pipeline

    def require_target(self) -> Pipeline:
        """The pipeline that reads and writes mean. Raises StatusError FAILED_PRECONDITION when there is none."""
        target = self.target
        if target is None:
            raise StatusError(
                StatusCode.FAILED_PRECONDITION,
                "no forwarding pipeline config is set; SetForwardingPipelineConfig first",
            )
        return target

    async def verify(self, action: ActionType, config: p4r.ForwardingPipelineConfig | None) -> VerifiedConfig | None:
        """Check a request and build what it asks for, away from the event loop; changes nothing.

        Returns None for COMMIT, which has no config. Raises StatusError with everything that is wrong.
        """
        if action == Action.COMMIT:
            if config is not None:
                raise invalid("config: COMMIT takes the saved config, so none may be given")
            return None
        if action not in (
            Action.VERIFY,
            Action.VERIFY_AND_SAVE,
            Action.VERIFY_AND_COMMIT,
            Action.RECONCILE_AND_COMMIT,
        ):
            raise invalid(
                "action: it is not set; it must be VERIFY, VERIFY_AND_SAVE, VERIFY_AND_COMMIT, COMMIT or "
                "RECONCILE_AND_COMMIT"
            )
        if config is None:
            raise invalid(f"config: it is not set; {Action.Action.Name(action)} needs one")
        if not config.p4_device_config:
            raise invalid("config.p4_device_config: it is empty; it must be the JSON that p4c writes for BMv2")
        try:
            program = await self._compile(config.p4_device_config)
            switch = program.instantiate(
                cpu_port=self._device.cpu_port, drop_port=self._device.drop_port, coverage=self._device.coverage
            )
            return VerifiedConfig(config, build_pipeline(config, switch))
        except ProgramError as error:
            raise invalid(_list_problems(error)) from error

    def apply(self, action: ActionType, verified: VerifiedConfig | None) -> None:
        """Do what a verified request asks for. Raises StatusError, with nothing changed."""
        if verified is None:
            self._commit_saved()
        elif action == Action.VERIFY_AND_SAVE:
            self._drop(self._saved)
            self._saved = verified.pipeline
        elif action == Action.VERIFY_AND_COMMIT:
            self._commit(verified.pipeline)
        elif action == Action.RECONCILE_AND_COMMIT:
            self._reconcile(verified)

    async def _compile(self, text: bytes) -> Program:
        if self._program is not None and self._program[0] == text:
            return self._program[1]
        program = await asyncio.to_thread(Program.from_json, text)
        self._program = (text, program)
        return program

    def _commit_saved(self) -> None:
        if self._saved is None:
            raise not_found("no config is saved; VERIFY_AND_SAVE first")
        self._commit(self._saved)

    def _commit(self, pipeline: Pipeline) -> None:
        for old in {id(old): old for old in (self._device.pipeline, self._saved) if old is not None}.values():
            if old is not pipeline:
                self._drop(old)
        self._saved = None
        self._device.run(pipeline)

    def _reconcile(self, verified: VerifiedConfig) -> None:
        running = self._device.pipeline
        if running is None:
            self._commit(verified.pipeline)
            return
        if not _same_pipeline(running.config, verified.config):
            raise invalid(
                "config: it differs from the running one, and forwarding state can only be kept for an identical "
                "config; use VERIFY_AND_COMMIT, which clears it"
            )
        self._drop(self._saved)
        self._saved = None
        running.config.cookie.CopyFrom(verified.config.cookie)

    @staticmethod
    def _drop(pipeline: Pipeline | None) -> None:
        if pipeline is not None:
            pipeline.digests.stop()


def _same_pipeline(one: p4r.ForwardingPipelineConfig, other: p4r.ForwardingPipelineConfig) -> bool:
    return one.p4_device_config == other.p4_device_config and one.p4info == other.p4info


def _list_problems(error: ProgramError) -> str:
    """All problems in one message; gRPC clients refuse long ones, so the last of very many are only counted."""
    if len(error.problems) == 1:
        return f"config: {error.problems[0]}"
    shown: list[str] = []
    length = 0
    for problem in error.problems:
        length += len(problem)
        if length > MAX_MESSAGE_LENGTH:
            shown.append(f"and {len(error.problems) - len(shown)} more")
            break
        shown.append(problem)
    return f"config: {len(error.problems)} problems: " + "; ".join(shown)

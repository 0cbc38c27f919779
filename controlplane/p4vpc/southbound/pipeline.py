# SPDX-License-Identifier: Apache-2.0
"""The pipeline that the switches shall run: P4Info and device configuration, with all that is derived from them."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from finsy.proto import p4i, p4r

from p4vpc.southbound.codec import Codec
from p4vpc.southbound.p4info import PipelineError, PipelineInfo, digest, parse_p4info

P4INFO_FILE = "p4info.txtpb"
DEVICE_CONFIG_FILE = "p4vpc.json"


@dataclass(frozen=True)
class Pipeline:
    """Made once and shared by all switches.

    Attributes:
        p4info: as it is sent.
        device_config: what the target executes; for v1model the JSON of p4c.
        info: the P4Info digested.
    """

    p4info: p4i.P4Info
    device_config: bytes
    info: PipelineInfo

    @classmethod
    def of(cls, p4info: p4i.P4Info, device_config: bytes) -> Self:
        """From what is in memory.

        Raises:
            PipelineError, SchemaError: the P4Info cannot be served.
        """
        return cls(p4info, device_config, digest(p4info))

    @classmethod
    def load(cls, directory: Path) -> Self:
        """From the files `p4info.txtpb` and `p4vpc.json`.

        Raises:
            PipelineError: a file is missing or unreadable, or the P4Info cannot be served.
        """
        p4info_path = directory / P4INFO_FILE
        try:
            text = p4info_path.read_text(encoding="utf-8")
            device_config = (directory / DEVICE_CONFIG_FILE).read_bytes()
        except (OSError, UnicodeDecodeError) as error:
            raise PipelineError(
                f"no pipeline in {directory}: {error}; it holds {P4INFO_FILE} and {DEVICE_CONFIG_FILE}"
            ) from None
        return cls.of(parse_p4info(text, str(p4info_path)), device_config)

    @property
    def architecture(self) -> str:
        """`v1model`, `tna`."""
        return self.p4info.pkg_info.arch

    @cached_property
    def codec(self) -> Codec:
        """Encoders and decoders of all tables."""
        return Codec(self.info)

    @cached_property
    def sparing_codec(self) -> Codec:
        """The same for targets that end when a group has no member left."""
        return Codec(self.info, has_spares=True)

    @cached_property
    def cookie(self) -> int:
        """64 bits that identify P4Info and device configuration; never 0, which is what targets say for "none"."""
        sha = hashlib.sha256(self.p4info.SerializeToString(deterministic=True))
        sha.update(b"\0")
        sha.update(self.device_config)
        return int.from_bytes(sha.digest()[:8], "big") | 1

    def config(self) -> p4r.ForwardingPipelineConfig:
        """As P4Runtime wants it."""
        return p4r.ForwardingPipelineConfig(
            p4info=self.p4info,
            p4_device_config=self.device_config,
            cookie=p4r.ForwardingPipelineConfig.Cookie(cookie=self.cookie),
        )

    def is_same(self, config: p4r.ForwardingPipelineConfig) -> bool:
        """Whether a switch that reports `config` runs this pipeline.

        The cookie decides if it is ours. A switch that was started with its program on the command line, or that keeps
        no cookie, is asked for everything: then the P4Info decides, and the device configuration if it tells that too.
        """
        if config.cookie.cookie == self.cookie:
            return True
        if not config.HasField("p4info") or config.p4info != self.p4info:
            return False
        return config.p4_device_config == self.device_config

# SPDX-License-Identifier: Apache-2.0
"""What all intent objects have in common."""

from functools import cached_property
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from p4vpc.intent.ids import ObjectId


class Part(BaseModel):
    """A frozen structure with known fields only: an intent object, or a mapping inside of one."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Intent(Part):
    """One thing that an operator or a tenant wants: a YAML document, a REST resource.

    Attributes:
        kind: what it is; also the document's first field (each class states its own).
        collection: where it lives in the API: ``/v1/<collection>/<key>``.
        name_fields: the fields that identify it among its kind; joined by ``/`` they are its key.
    """

    kind: str
    collection: ClassVar[str]
    name_fields: ClassVar[tuple[str, ...]] = ("name",)

    @cached_property
    def key(self) -> str:
        """Identifies the object among its kind: ``red/prod/web-1``. No copy with another name is ever made."""
        return "/".join(getattr(self, field) for field in self.name_fields)

    @cached_property
    def id(self) -> ObjectId:
        """Kind and key: identifies the object among all."""
        return ObjectId(self.kind, self.key)

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"

    def document(self) -> dict[str, Any]:
        """Return the object as its author would write it: plain values, only what was said (no defaults)."""
        return self.model_dump(mode="json", exclude_unset=True) | {"kind": self.kind}

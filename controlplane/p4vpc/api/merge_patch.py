# SPDX-License-Identifier: Apache-2.0
"""JSON Merge Patch (RFC 7396)."""

from collections.abc import Mapping
from typing import Any

MEDIA_TYPE = "application/merge-patch+json"


def merge_patch(target: object, patch: object) -> object:
    """The target with the patch applied: null removes a field, mappings are merged, anything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    result: dict[str, Any] = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result

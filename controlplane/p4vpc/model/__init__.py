# SPDX-License-Identifier: Apache-2.0
"""The model: objects of intent with references resolved, conflicts refused and identifiers attached."""

from p4vpc.model.build import build_model, check_objects, plan_identifiers
from p4vpc.model.types import Model, ModelSwitch

__all__ = ["Model", "ModelSwitch", "build_model", "check_objects", "plan_identifiers"]

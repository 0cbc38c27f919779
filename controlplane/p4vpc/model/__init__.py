# SPDX-License-Identifier: Apache-2.0
"""The model: objects of intent with references resolved, conflicts refused and identifiers attached."""

from p4vpc.model.build import build_model, check_objects, plan_identifiers
from p4vpc.model.labels import LabelSet
from p4vpc.model.types import (
    FabricPort,
    LocalPlace,
    Model,
    ModelAcl,
    ModelGroup,
    ModelMirror,
    ModelPort,
    ModelQos,
    ModelRoute,
    ModelSubnet,
    ModelSwitch,
    ModelVpc,
    TunnelModes,
    Vtep,
)

__all__ = [
    "FabricPort",
    "LabelSet",
    "LocalPlace",
    "Model",
    "ModelAcl",
    "ModelGroup",
    "ModelMirror",
    "ModelPort",
    "ModelQos",
    "ModelRoute",
    "ModelSubnet",
    "ModelSwitch",
    "ModelVpc",
    "TunnelModes",
    "Vtep",
    "build_model",
    "check_objects",
    "plan_identifiers",
]

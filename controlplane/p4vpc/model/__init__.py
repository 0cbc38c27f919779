# SPDX-License-Identifier: Apache-2.0
"""The model: objects of intent with references resolved, conflicts refused and identifiers attached."""

from p4vpc.model.allocation import PortOwners, Resting, complete, is_complete, subnet_id
from p4vpc.model.build import build_model, check_objects, plan_identifiers
from p4vpc.model.keeper import ModelKeeper
from p4vpc.model.labels import LabelSet
from p4vpc.model.ledger import Ledger, Step
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
    "Ledger",
    "LocalPlace",
    "Model",
    "ModelAcl",
    "ModelGroup",
    "ModelKeeper",
    "ModelMirror",
    "ModelPort",
    "ModelQos",
    "ModelRoute",
    "ModelSubnet",
    "ModelSwitch",
    "ModelVpc",
    "PortOwners",
    "Resting",
    "Step",
    "TunnelModes",
    "Vtep",
    "build_model",
    "check_objects",
    "complete",
    "is_complete",
    "plan_identifiers",
    "subnet_id",
]

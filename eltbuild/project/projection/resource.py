"""Any resource as dbt writes it in `manifest.json`."""

from __future__ import annotations

from eltbuild.project.projection.frame import PLAIN, Fields, Frame
from eltbuild.project.projection.nodes import node_dict
from eltbuild.project.projection.others import exposure_dict, source_dict, unit_test_dict
from eltbuild.project.projection.semantics import unmanaged_dict
from eltbuild.project.resources import Exposure, Node, Resource, Source, UnitTest, Unmanaged


def resource_dict(resource: Resource, frame: Frame = PLAIN) -> Fields:
    """Any resource that can be selected."""
    match resource:
        case Node():
            return node_dict(resource, frame)
        case Source():
            return source_dict(resource, frame)
        case Exposure():
            return exposure_dict(resource, frame)
        case UnitTest():
            return unit_test_dict(resource, frame)
        case Unmanaged():
            return unmanaged_dict(resource, frame)

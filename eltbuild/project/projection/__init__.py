"""Resources as dbt writes them in `manifest.json` (schema v12): one pure function per type of resource.

The same dictionaries are the values of `model` and `graph.nodes[...]` in templates. Each call builds a new
value, so that a template may change what it got. Nothing is read, rendered or compiled here.
"""

from eltbuild.project.projection.configs import CONFIG_DEFAULTS, config_dict, filled_config
from eltbuild.project.projection.frame import PLAIN, Fields, Frame, Spell, frame_of, quoted
from eltbuild.project.projection.graph import graph_dict
from eltbuild.project.projection.keys import primary_keys
from eltbuild.project.projection.nodes import compiled_path, file_in_target, model_dict, node_dict, stands
from eltbuild.project.projection.others import (
    doc_dict,
    exposure_dict,
    group_dict,
    macro_dict,
    source_dict,
    unit_test_dict,
)
from eltbuild.project.projection.resource import resource_dict
from eltbuild.project.projection.semantics import unmanaged_dict

__all__ = [
    "CONFIG_DEFAULTS",
    "PLAIN",
    "Fields",
    "Frame",
    "Spell",
    "compiled_path",
    "config_dict",
    "doc_dict",
    "exposure_dict",
    "file_in_target",
    "filled_config",
    "frame_of",
    "graph_dict",
    "group_dict",
    "macro_dict",
    "model_dict",
    "node_dict",
    "primary_keys",
    "quoted",
    "resource_dict",
    "source_dict",
    "stands",
    "unit_test_dict",
    "unmanaged_dict",
]

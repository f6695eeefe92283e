"""The Python code that dbt's adapters put behind a Python model, so that `dbt.ref()` and its like work there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eltbuild.compile.rendering import Rendering

FRAME = """
{ref}

{source}

{config}


class config:
    def __init__(self, *args, **kwargs):
        pass

    @staticmethod
    def get(key, default=None):
        return config_dict.get(key, default)

    @staticmethod
    def meta_get(key, default=None):
        return meta_dict.get(key, default)


class this:
    database = {database!r}
    schema = {schema!r}
    identifier = {identifier!r}

    def __repr__(self):
        return {name!r}


class dbtObj:
    def __init__(self, load_df_function):
        self.ref = lambda *args, **kwargs: ref(*args, **kwargs, dbt_load_df_function=load_df_function)
        self.source = lambda *args: source(*args, dbt_load_df_function=load_df_function)
        self.config = config
        self.this = this()
        self.is_incremental = {incremental!r}

{comment}
"""

REF = """
def ref(*args, dbt_load_df_function, **kwargs):
    relations = {relations!r}
    version = kwargs.get("v") or kwargs.get("version")
    name = ".".join(args) + (f".v{{version}}" if version else "")
    return dbt_load_df_function(relations[name])
"""

SOURCE = """
def source(*args, dbt_load_df_function):
    relations = {relations!r}
    return dbt_load_df_function(relations[".".join(args)])
"""


def resolve_model_name(rendering: Rendering, input_model_name: Any) -> str:
    """The name of a relation as Python code asks for it."""
    return str(input_model_name)


def build_ref_function(rendering: Rendering, model: Any) -> str:
    """The function `ref` with the relations that the model names."""
    relations = {}
    for given in (model or {}).get("refs") or ():
        package, name, version = given.get("package"), given["name"], given.get("version")
        arguments = [package, name] if package else [name]
        relation = rendering.scope["ref"](*arguments, **({"v": version} if version else {}))
        key = ".".join(arguments) + (f".v{version}" if version else "")
        relations[key] = rendering.scope["resolve_model_name"](relation)
    return REF.format(relations=relations).strip()


def build_source_function(rendering: Rendering, model: Any) -> str:
    """The function `source` with the relations that the model names."""
    relations = {
        ".".join(given): rendering.scope["resolve_model_name"](rendering.scope["source"](*given))
        for given in (model or {}).get("sources") or ()
    }
    return SOURCE.format(relations=relations).strip()


def build_config_dict(rendering: Rendering, model: Any) -> str:
    """The values of the config that the code asks for, with their defaults."""
    config = (model or {}).get("config") or {}
    names = config.get("config_keys_used") or ()
    defaults = config.get("config_keys_defaults") or ()
    values = {
        name: config.get(name, default)
        for name, default in zip(names, [*defaults, *([None] * (len(names) - len(defaults)))], strict=False)
    }
    used = config.get("meta_keys_used") or ()
    meta = {name: (config.get("meta") or {}).get(name) for name in used}
    return f"config_dict = {values!r}\nmeta_dict = {meta!r}"


def py_script_comment(rendering: Rendering) -> str:
    """What ends the code; nothing."""
    return ""


def py_script_postfix(rendering: Rendering, model: Any) -> str:
    """The code behind a Python model: `dbtObj`, whose argument loads a relation as a data frame."""
    scope = rendering.scope
    this = scope["this"]
    return FRAME.format(
        ref=scope["build_ref_function"](model),
        source=scope["build_source_function"](model),
        config=scope["build_config_dict"](model),
        comment=scope["py_script_comment"](),
        database=this.database,
        schema=this.schema,
        identifier=this.identifier,
        name=this.render(),
        incremental=bool(scope["is_incremental"]()),
    )


PYTHON_CODE: Mapping[str, Callable[..., Any]] = {
    "build_config_dict": build_config_dict,
    "build_ref_function": build_ref_function,
    "build_source_function": build_source_function,
    "py_script_comment": py_script_comment,
    "py_script_postfix": py_script_postfix,
    "resolve_model_name": resolve_model_name,
}

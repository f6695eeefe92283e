"""Operations: the hooks of a package that run before and after everything else."""

from __future__ import annotations

from eltbuild.errors import Place
from eltbuild.project.loading import Loading, Package, checksum, refs_of, sources_of
from eltbuild.project.resources import Node


def operations(loading: Loading, package: Package) -> list[Node]:
    """A node for each hook of a package that runs before or after everything."""
    out = []
    settings = package.settings
    for event, texts in (("on-run-start", settings.on_run_start), ("on-run-end", settings.on_run_end)):
        places = settings.hook_places.get(event, ())
        for index, text in enumerate(texts):
            name = f"{package.name}-{event}-{index}"
            fqn = (package.name, "hooks", name)
            place = Place(settings.file, *(places[index] if index < len(places) else ()))
            tags = {"tags": [event]}
            resolved = loading.resolve("models", package.name, fqn, tags, {}, place)
            mentions = loading.mentions(text, checksum(text), settings.file)
            out.append(
                Node(
                    id=f"operation.{package.name}.{name}",
                    resource_type="operation",
                    name=name,
                    package=package.name,
                    path=f"hooks/{name}.sql",
                    original_path=settings.file[len(package.root) + 1 :] if package.root else settings.file,
                    root=package.root,
                    fqn=fqn,
                    code=text,
                    line=place.line or 1,
                    checksum=checksum(text),
                    config=resolved.config,
                    yaml_config=tags,
                    unrendered_config=resolved.unrendered,
                    docs={"show": True},
                    place=place,
                    refs=refs_of(mentions, settings.file),
                    source_refs=sources_of(mentions, settings.file),
                    macro_names=mentions.calls,
                    complete=mentions.complete,
                )
            )
    return out

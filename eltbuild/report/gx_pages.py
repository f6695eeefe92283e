"""Great Expectations' own pages ("data docs") about the results of a run. They are its work, and so is what they load.

Made only where somebody asks for them: a browser that opens them fetches scripts, styles and pictures from the network.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eltbuild.disk import PRIVATE, PRIVATE_FOLDER
from eltbuild.report.gx_results import file_name
from eltbuild.run.testing.library import JUDGING, Library, silent

_SITE = "eltbuild"


def write_pages(documents: Mapping[str, Mapping[str, Any]], folder: Path, private: bool) -> tuple[Path, Sequence[str]]:
    """Write the site of these validation results (by the names of suites) in the place of the folder's content.

    The first page, and the expectations (and suites) that are not in it: Great Expectations does not know them, or not
    with such arguments, or has failed on them. `private`: for their owner's eyes only. Raises `CompileError` where
    there is no library, `OSError`.
    """
    context = Library().context("Data docs are written")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=PRIVATE_FOLDER if private else 0o777)
    left: list[str] = []
    with JUDGING, silent():
        backend = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.resolve())}
        config = {"class_name": "SiteBuilder", "store_backend": backend, "show_how_to_buttons": False}
        context.add_data_docs_site(
            site_name=_SITE, site_config={**config, "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"}}
        )
        try:
            for name, document in documents.items():
                _keep(context, name, document, left)
            context.build_data_docs(site_names=[_SITE])
            written = {page.name for page in folder.glob("validations/**/*.html")}
            left += [name for name in documents if f"{_folder(name)}.html" not in written]
        finally:
            context.delete_data_docs_site(_SITE)
    if private:
        _close(folder)
    return folder / "index.html", left


def _keep(context: Any, name: str, document: Mapping[str, Any], left: list[str]) -> None:
    """Put one document where the library looks for results."""
    from datetime import datetime

    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResultSchema
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    told = [_shown(result) for result in document["results"] if _is_known(result["expectation_config"], left)]
    result = ExpectationSuiteValidationResultSchema().load({**document, "results": told})
    run = document["meta"]["run_id"]
    key = ValidationResultIdentifier(
        expectation_suite_identifier=ExpectationSuiteIdentifier(name=_folder(name)),
        run_id=RunIdentifier(run_name=run["run_name"], run_time=datetime.fromisoformat(run["run_time"])),
        batch_identifier=_folder(name),
    )
    context.validation_results_store.set(key, result)


def _folder(suite: str) -> str:
    """The name of a suite as the name of a folder."""
    return file_name(suite).removesuffix(".json")


def _shown(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """The result with what the pages want of an error: a traceback."""
    info = result["exception_info"]
    return {**result, "exception_info": {**info, "exception_traceback": info["exception_message"] or ""}}


def _is_known(config: Mapping[str, Any], left: list[str]) -> bool:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    try:
        ExpectationConfiguration(type=config["type"], kwargs=dict(config["kwargs"])).to_domain_obj()
    except Exception:
        left.append(config["type"])
        return False
    return True


def _close(folder: Path) -> None:
    """Leave the files to their owner."""
    for at, folders, files in os.walk(folder):
        for name in folders:
            os.chmod(Path(at) / name, PRIVATE_FOLDER)
        for name in files:
            os.chmod(Path(at) / name, PRIVATE)

"""A run from its first event to its artifacts: everybody is told, and everything is written."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from eltbuild.commands.opening import Opened
from eltbuild.commands.reporting import (
    CompiledFiles,
    Reporter,
    has_manifest,
    keep_artifact,
    write_manifest,
    write_results,
)
from eltbuild.commands.signals import heeding
from eltbuild.commands.validations import check_library, validations, write_data_docs
from eltbuild.errors import UsageError
from eltbuild.run.events import Results

if TYPE_CHECKING:
    from eltbuild.commands.execution import Execution


def follow(execution: Execution, opened: Opened) -> Results:
    """Do a run, tell everybody, and write its artifacts; the results."""
    if opened.options.gx_data_docs:
        check_library()
    with Reporter(opened, progress_is_output=True) as reporter:
        reporter.problems((*opened.project.problems, *execution.chosen.warnings))
        files = CompiledFiles(opened)
        # Those who follow a run want to know its nodes before the first of them begins.
        if opened.options.write_json is not False and not has_manifest(opened):
            # Where it cannot be written the run goes on all the same; that is told at its end.
            with suppress(UsageError):
                write_manifest(opened, {})
        with heeding(execution.stop, execution.cancel), files:
            for event in execution.events():
                files.handle(event)
                reporter.handle(event)
            results = execution.results
            assert results is not None
            if opened.options.write_json is not False:
                write_results(opened, execution, results)
            if opened.options.gx_results:
                for path, value in validations(opened, results, opened.options.gx_results).items():
                    keep_artifact(opened, path, value)
            if opened.options.gx_data_docs:
                write_data_docs(opened, results, reporter)
        reporter.completed(results.success)
    return results

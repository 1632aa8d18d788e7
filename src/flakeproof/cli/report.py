"""`flakeproof report`."""

from typing import Annotated

import typer

from flakeproof.cli import options


def report(
    run: Annotated[
        str,
        typer.Argument(
            help="`latest`, the id of a run, its beginning, or a folder.", metavar="RUN", show_default=False
        ),
    ],
    junit_xml: options.JUnitXml = None,
    json: options.Json = None,
    markdown: options.Markdown = None,
    store: options.StoreFolder = None,
) -> None:
    """Write the reports of an earlier run from its record, also of one that was killed or still goes on.

    Exit status: that of the run; of one without an end 1 with failures, else 4. 2 usage, 5 there is no run.
    """
    from flakeproof.features.run.report_command import report_run

    given = {"junit-xml": junit_xml, "json": json, "markdown": markdown, "store": store}
    raise typer.Exit(report_run(run, given))

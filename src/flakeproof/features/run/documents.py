"""The documents about a run: what makes each of them, imported only where it is wanted."""

from flakeproof.reports.files import Renderers
from flakeproof.reports.json import to_json
from flakeproof.results.summary import Summary


def renderers(summary: Summary) -> Renderers:
    """The documents about a run."""

    def junit() -> bytes:
        from flakeproof.features.run.junit import render

        return render(summary)

    def markdown() -> bytes:
        from flakeproof.features.run.markdown import render

        return render(summary)

    return {"junit-xml": junit, "json": lambda: to_json(summary), "markdown": markdown}

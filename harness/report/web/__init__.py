"""What our pages share: their style sheet, and how templates are filled in; every text is escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def environment(package: str, folder: str = ".") -> Environment:
    """For the templates of a package's folder, beside those of this one. jinja2 is imported here, and not before."""
    import jinja2

    loaders = [jinja2.PackageLoader(package, folder), jinja2.PackageLoader("harness.report", "web")]
    found = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    found.filters["breakable"] = _breakable
    return found


def _breakable(text: str) -> Markup:
    """A name that may be broken after an underscore, and nowhere else."""
    from markupsafe import Markup, escape

    return Markup(escape(text).replace("_", Markup("_<wbr>")))

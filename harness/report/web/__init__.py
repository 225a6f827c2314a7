"""What our pages share: their style sheet, and how templates are filled in; every text is escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def environment(package: str, folder: str = ".") -> Environment:
    """For the templates of a package's folder, beside those of this one. jinja2 is imported here, and not before."""
    import jinja2

    loaders = [jinja2.PackageLoader(package, folder), jinja2.PackageLoader("harness.report", "web")]
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip

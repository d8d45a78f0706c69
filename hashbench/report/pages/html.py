"""A report as one HTML file that loads nothing: style, script and figures are inside.

The content security policy of the page lets only its own script run, by its hash, so that no text
of a run, a tag or a class could act, even where the escaping failed.
"""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hashbench.report.figures.figure import Figure
from hashbench.report.figures.paper import inline_svg
from hashbench.report.pages.page import Page
from hashbench.report.text import plain

HERE = Path(__file__).parent
WIDTH = 7.0  # inches of a figure


def html(page: Page) -> str:
    """The whole file. Raises InputError where a figure needs matplotlib, which is missing."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    script = (HERE / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    figures = [figure for section in page.sections for figure in section.figures]
    drawings = {id(figure): _drawing(figure, place) for place, figure in enumerate(figures)}
    return environment.get_template("report.html").render(
        page=page,
        drawing=lambda figure: drawings[id(figure)],
        css=Markup((HERE / "report.css").read_text(encoding="utf-8")),  # noqa: S704 - our own
        script=Markup(script),  # noqa: S704 - our own
        script_hash=f"sha256-{digest}",
        version=version("hashbench"),
    )


def _finalized(value: Any) -> Any:
    """Foreign text without control characters; it is escaped after this."""
    return value if isinstance(value, Markup) else plain(value)


def _drawing(figure: Figure, place: int) -> Markup:
    """The figure's SVG with a title for those who cannot see it; ids do not clash with those of
    other figures.
    """
    svg = inline_svg(figure, WIDTH)
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', svg))
    svg = re.sub(
        r' id="([^"]+)"',
        lambda found: f' id="f{place}-{found[1]}"' if found[1] in used else "",
        svg,
    )
    svg = re.sub(r'(href="|url\()#', rf"\g<1>#f{place}-", svg)
    # a page's reader may lack the font that the figure was laid out with
    svg = svg.replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif")
    panels = ", ".join(panel.title for panel in figure.panels)
    title = Markup("<title>{}</title>").format(plain(f"{figure.title}: {panels}"))
    head, _, rest = svg.partition(">")
    # matplotlib escapes the text that it draws
    return Markup(f'{head} role="img">{title}{rest}')  # noqa: S704

"""A page as a file of one of the forms that there are."""

from __future__ import annotations

from hashbench.report.pages.page import Page

FORMS = (".html", ".pdf")


def written(page: Page, form: str) -> bytes:
    """The file. Raises InputError where what PDF needs is not installed."""
    if form == ".pdf":
        from hashbench.report.pages.pdf import pdf

        return pdf(page)
    from hashbench.report.pages.html import html

    return html(page).encode(errors="replace")  # names of files may be no UTF-8

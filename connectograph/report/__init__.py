"""Reports: the content of a run directory as PDF, HTML, figures and a verdict.

Conventions: every number shown comes from report.json or run.json; pictures are drawn from the tables; nothing here
needs the volumes. A page is a function from :class:`ReportContents` to a section; PDF and HTML show the same sections.

Functions: :func:`render_pdf`, :func:`render_html`, :func:`render_figures`, :func:`summarise_html`,
:func:`write_verdict`.
"""

from connectograph.report.contents import ReportContents
from connectograph.report.figures import render_figures
from connectograph.report.html import render_html, summarise_html
from connectograph.report.pdf import render_pdf
from connectograph.report.verdict import write_verdict

__all__ = ["ReportContents", "render_figures", "render_html", "render_pdf", "summarise_html", "write_verdict"]

"""Reports: the content of a run directory as PDF, HTML, figures and a verdict.

Conventions: every number shown comes from report.json or run.json; pictures are drawn from the tables; nothing here
needs the volumes. A page is a function from :class:`ReportContents` to a section; PDF and HTML show the same sections.

Functions: :func:`render_pdf`, :func:`render_html`, :func:`render_figures`, :func:`summarise_html`,
:func:`write_verdict`. Names load their module when they are first used: a verdict needs no matplotlib and no template.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

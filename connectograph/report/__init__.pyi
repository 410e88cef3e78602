from .contents import ReportContents
from .figures import render_figures
from .html import render_html, render_study, summarise_html
from .pdf import render_pdf
from .verdict import write_verdict

__all__ = [
    "ReportContents",
    "render_figures",
    "render_html",
    "render_pdf",
    "render_study",
    "summarise_html",
    "write_verdict",
]

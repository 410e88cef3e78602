"""From an error to the place in the volume: what neuroglancer, webKnossos, napari and other viewers are told.

Conventions: tables and numbers in, text and plain dictionaries out; nothing here touches the disk or the network. Ids
are text with all their digits. A voxel is counted from the origin of the world if the volume begins a whole number of
voxels from it, else from the volume's corner: see :class:`Frame`.

Functions: :func:`list_errors`, :func:`show_errors`, :func:`fill_template`, :func:`check_template`,
:func:`build_state`, :func:`build_url`, :func:`build_nml`, :func:`write_script`.
"""

from connectograph.viewers.errors import describe_error, iterate_errors, list_errors, show_errors
from connectograph.viewers.frame import Frame
from connectograph.viewers.links import check_address, check_template, fill_template
from connectograph.viewers.neuroglancer import build_state, build_url
from connectograph.viewers.report_links import link_report
from connectograph.viewers.scripts import write_script, write_server
from connectograph.viewers.webknossos import build_nml, link_position

__all__ = [
    "Frame",
    "build_nml",
    "build_state",
    "build_url",
    "check_address",
    "check_template",
    "describe_error",
    "fill_template",
    "iterate_errors",
    "link_position",
    "link_report",
    "list_errors",
    "show_errors",
    "write_script",
    "write_server",
]

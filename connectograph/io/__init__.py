"""Everything on disk: volumes, tables, graphs and run directories, one module a format."""

from connectograph.io.sources import split_path
from connectograph.io.volumes import convert_volumes, read_volume, write_volume

__all__ = ["convert_volumes", "read_volume", "split_path", "write_volume"]

"""The version of flakeproof, in one place: packages are built with what stands here. And where it is installed."""

from pathlib import Path

__version__ = "0.1.0"
PACKAGE = str(Path(__file__).parent)
"""The folder of the package `flakeproof`."""

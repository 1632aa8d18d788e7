"""The version of flakeproof, in one place: packages are built with what stands here."""

__version__ = "0.1.0"

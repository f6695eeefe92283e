"""The version of eltbuild, one static string, so that `--version` imports nothing."""

__version__ = "0.1.0"

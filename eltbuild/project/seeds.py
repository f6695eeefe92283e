"""Checksums of seeds, whose files need not be text and may be large."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from eltbuild.errors import Place, Problem, ProjectError
from eltbuild.project.read import digest_file

SEED_SUFFIXES = (".csv", ".parquet", ".json", ".ndjson", ".jsonl", ".arrow", ".feather")
TEXT_LIMIT = 1024 * 1024
"""CSV files up to this size have dbt's checksum, of their text; every other file that of its bytes."""


def seed_checksum(root: Path, path: str) -> str:
    """The checksum of a seed. Raises `ProjectError` when it cannot be read."""
    try:
        small = (root / path).stat().st_size <= TEXT_LIMIT
        if small and path.lower().endswith(".csv"):
            return text_checksum((root / path).read_bytes().decode("utf-8"))
    except UnicodeDecodeError:
        pass
    except OSError as error:
        raise ProjectError(Problem(f"the file cannot be read: {error.strerror}", Place(path))) from None
    return digest_file(root, path)


def text_checksum(text: str) -> str:
    """dbt's checksum of a seed: SHA-256 of its text with plain ends of lines, without the blanks around it."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    return sha256(plain.encode()).hexdigest()

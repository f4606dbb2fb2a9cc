"""`manifest.json`: the data files of a macro-iteration; its presence means complete."""

from selflengthen.contract.base import Contract, Part


class ListedFile(Part):
    """A data file."""

    path: str
    """Relative to the manifest's folder."""
    rows: int
    bytes: int
    sha256: str


class Manifest(Contract):
    """All data files of a complete iteration."""

    num_instructions: int | None = None
    """How many it was asked for; null in a manifest that an earlier version wrote."""
    files: tuple[ListedFile, ...]

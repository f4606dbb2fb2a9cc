"""The digest of an adapter's weights, held against what its training noted."""

from pathlib import Path

from selflengthen.errors import ConfigError
from selflengthen.files.digest import digest_of
from selflengthen.files.json_file import read_json

WEIGHTS_FILE = "adapter_model.safetensors"
PROVENANCE_FILE = "provenance.json"


def adapter_digest(folder: Path) -> str:
    """Return the SHA-256 of an adapter's weights.

    Raises: ConfigError: `provenance.json` beside them has another one.
    """
    weights, provenance = folder / WEIGHTS_FILE, folder / PROVENANCE_FILE
    digest = digest_of(weights)
    if not provenance.is_file():
        return digest
    expected = read_json(provenance, "copy it again, or train again").get("weights_sha256")
    if expected not in (None, digest):
        raise ConfigError(
            f"{weights}: not as {provenance.name} lists it (sha256 {digest[:12]} instead of "
            f"{expected[:12]}); copy it again, or train again"
        )
    return digest

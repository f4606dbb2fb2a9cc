"""Check what a round left: files as the manifests name them, rows only once, two adapters."""

import hashlib
import json
import sys
from pathlib import Path


def check_iteration(folder: Path) -> None:
    """Check files against the manifest, and print what there is.

    Raises: AssertionError: something is missing, changed, or there twice.
    """
    for file in json.loads((folder / "manifest.json").read_bytes())["files"]:
        content = (folder / file["path"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file["sha256"], file["path"]
        if file["path"].startswith(("records/", "shards/")):
            ids = [json.loads(line)["id"] for line in content.splitlines()]
            assert len(ids) == len(set(ids)) == file["rows"], file["path"]
            print(f"{folder.name}/{file['path']}: {len(ids)} rows, sha256 as in the manifest")
    metrics = json.loads((folder / "metrics.json").read_bytes())
    print(f"{folder.name}: {metrics['replayed']} completions taken over from before a kill")


def check_adapter(folder: Path) -> None:
    """Check that an adapter is whole, and print what it was trained on.

    Raises: AssertionError: it is not.
    """
    assert (folder / "adapter_model.safetensors").stat().st_size > 0
    provenance = json.loads((folder / "provenance.json").read_bytes())
    print(f"{folder.name}: trained on {provenance['rows']}")


if __name__ == "__main__":
    out = Path(sys.argv[1])
    for number in (1, 2):
        check_iteration(out / f"iteration-{number}")
    for role in ("generator", "extender"):
        check_adapter(out / "iteration-1" / "adapters" / role)

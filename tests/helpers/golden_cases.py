"""Recorded verdicts and transcripts of the reference's functions."""

import json
from pathlib import Path

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "golden" / "reference_cases.json").read_text("utf-8")
)

"""Print some records of an iteration: task, initial and extended response."""

import sys
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from synth.run.directory import IterationFiles


def main(folder: Path, num_records: int) -> None:
    """Print the first records."""
    console = Console()
    for record in islice(IterationFiles(folder).read_records(), num_records):
        words = record.num_words
        console.rule(f"{record.id}: {words.initial} -> {words.response} words")
        for title, text in (
            ("instruction", record.instruction),
            ("initial response", record.initial_response),
            ("extended response", record.response),
        ):
            console.print(Panel(Text(text), title=title))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

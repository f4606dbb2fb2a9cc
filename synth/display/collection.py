"""The final data, in a few lines."""

from collections.abc import Iterator, Mapping

from selflengthen.contract.collection import Collection


def collection_lines(found: Collection, folder: str) -> Iterator[str]:
    """Yield what the final data came to."""
    yield f"final data: {found.rows} rows of {found.pairs} pairs, {folder}"
    if found.left_out:
        yield f"left out: {_counts(found.left_out)}"
    yield f"demands: {_counts(found.demands)}; written by: {_counts(found.written_by)}"
    if found.rejected:
        yield f"queries of the model that were not taken: {_counts(found.rejected)}"
    words = found.num_words
    yield f"words: p10 {words['p10']:,}, p50 {words['p50']:,}, p90 {words['p90']:,}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items())

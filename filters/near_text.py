"""Near-duplicate texts, by the Jaccard similarity of their word groups.

MinHash finds the texts that are probably alike (Broder, "On the resemblance and containment of
documents", 1997); they alone are compared, so what is found does not depend on chance.
"""

from collections.abc import Iterable, Iterator, Sequence

from rensa import RMinHash, RMinHashLSH

from filters.text.words import script_units

SHINGLE_UNITS = 5
_NUM_PERMUTATIONS = 128
_NUM_BANDS = 32
"""Of four numbers each: two texts of similarity 0.5 are missed in one of eight cases, of 0.7 in
none of a thousand."""
_SEED = 1


class LikelyPairs:
    """Signatures of texts, half a KiB each; tells which texts are probably alike."""

    def __init__(self) -> None:
        self._index = RMinHashLSH(threshold=0.5, num_perm=_NUM_PERMUTATIONS, num_bands=_NUM_BANDS)
        self._size = 0

    def add(self, text: str) -> list[int]:
        """Add a text; return the numbers, from 0 on, of earlier ones that are probably like it."""
        signature = RMinHash(num_perm=_NUM_PERMUTATIONS, seed=_SEED)
        signature.update([" ".join(shingle) for shingle in shingles(text)])
        likely = sorted(set(self._index.query(signature)))
        self._index.insert(self._size, signature)
        self._size += 1
        return likely


def shingles(text: str) -> set[tuple[str, ...]]:
    """Return all groups of neighbouring script units; a shorter text is one group."""
    units = script_units(text)
    groups = zip(*(units[start:] for start in range(SHINGLE_UNITS)), strict=False)
    return set(groups) or {tuple(units)}


def similarity(some: set[tuple[str, ...]], others: set[tuple[str, ...]]) -> float:
    """Return the Jaccard similarity of two sets of word groups."""
    both = len(some & others)
    return both / (len(some) + len(others) - both)


def repeated(
    order: Iterable[int],
    likely: Sequence[Sequence[int]],
    shingles_of: dict[int, set[tuple[str, ...]]],
    max_similarity: float,
) -> Iterator[tuple[int, int]]:
    """Yield each text that nearly repeats a kept one, with that one.

    Args:
        order: Texts by number, the best first: of two that are alike the first is kept.
        likely: For each text, those that are probably like it.
        shingles_of: Of the texts that are like any.
    """
    kept: set[int] = set()
    for number in order:
        same = next(
            (
                other
                for other in likely[number]
                if other in kept
                and similarity(shingles_of[number], shingles_of[other]) > max_similarity
            ),
            None,
        )
        if same is None:
            kept.add(number)
        else:
            yield number, same

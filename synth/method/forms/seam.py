"""Where the head meets stage 2: what stage 2 says again there."""

from functools import lru_cache

from filters.rules.repeats.near_repeat import similarity
from filters.text.sentences import paragraphs, sentence_spans
from filters.text.words import script_units

SEAM_CHARS = 600
"""What stage 2 repeats at its beginning is looked for in so many characters."""
_MIN_SIMILARITY = 0.5
_MIN_UNITS = 6


def shows_seam(head: str, stage_2: str) -> bool:
    """Tell whether no later text changes what is cut: a sentence that stays is complete."""
    text = stage_2.lstrip()
    if "\n\n" in text or len(text) > SEAM_CHARS:
        return True
    said = _sentences(head)
    complete = [text[start:end] for start, end in sentence_spans(text)][:-1]
    return any(not _is_said(script_units(sentence), said) for sentence in complete)


def cut_repeats(head: str, stage_2: str) -> tuple[str, str]:
    """Return stage 2 without the sentences at its beginning that the head has, and what was cut.

    They are looked for in the first paragraph of stage 2.
    """
    said = _sentences(head)
    indent = len(stage_2) - len(stage_2.lstrip())
    first_paragraph = stage_2[indent : indent + SEAM_CHARS].partition("\n\n")[0]
    cut_to = 0
    for start, end in sentence_spans(first_paragraph):
        if not _is_said(script_units(first_paragraph[start:end]), said):
            break
        cut_to = end
    return stage_2[:indent] + stage_2[indent + cut_to :].lstrip(" "), first_paragraph[:cut_to]


def restarts(head: str, stage_2: str) -> bool:
    """Tell whether a paragraph of stage 2 opens as the text does."""
    opening = _first_sentence(head)
    if len(opening) < _MIN_UNITS:
        return False
    return any(_alike(_first_sentence(part), opening) for part in paragraphs(stage_2))


@lru_cache(maxsize=256)
def _sentences(text: str) -> list[list[str]]:
    return [script_units(text[start:end]) for start, end in sentence_spans(text)]


def _is_said(units: list[str], said: list[list[str]]) -> bool:
    return units in said or any(_alike(units, other) for other in said)


def _first_sentence(text: str) -> list[str]:
    start, end = next(iter(sentence_spans(text.lstrip())), (0, 0))
    return script_units(text.lstrip()[start:end])


def _alike(some: list[str], others: list[str]) -> bool:
    return len(some) >= _MIN_UNITS and similarity(some, others) >= _MIN_SIMILARITY

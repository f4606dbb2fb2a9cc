"""The prefix form of rules that no later paragraph changes the mind of."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from filters.text.judged import JudgedText

if TYPE_CHECKING:
    from filters.rule import Circumstances, GrowingText, Rule

# The complete paragraphs are judged again when there are half as many characters more: all
# judgements together read a text three times.
_GROWTH = 1.6
_MIN_CHARS = 1200


class PrefixSign:
    """Judges the paragraphs that are complete, now and then."""

    def __init__(self, rules: Sequence["Rule"], known: "Circumstances") -> None:
        self._rules = rules
        self._known = known
        self._judge_at = float(_MIN_CHARS)

    def __call__(self, growing: "GrowingText") -> str | None:
        """Return the reason once the complete paragraphs are lost."""
        if len(growing.text) < self._judge_at or "\n" not in growing.delta:
            return None
        settled = growing.settled
        complete = JudgedText.beginning(settled[: settled.rfind("\n\n") + 1])
        if len(complete) < _MIN_CHARS:
            return None
        self._judge_at = _GROWTH * len(growing.text)
        reasons = (rule.judge(complete, self._known) for rule in self._rules)
        return next(filter(None, reasons), None)

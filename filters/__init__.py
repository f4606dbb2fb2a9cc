"""Text rules of Self-Lengthen: response filters, length sampling, near-duplicates, word counts."""

from filters.length_sampling import (
    draw_per_item,
    reference_sample_by_length_rank,
    sample_by_length_rank,
)
from filters.length_score import LengthDemand
from filters.near_duplicate import InstructionIndex
from filters.profile import PROFILES, Profile, profile_named
from filters.rule import KEEP, Circumstances, Verdict, Watch
from filters.text.words import count_words

__all__ = [
    "KEEP",
    "PROFILES",
    "Circumstances",
    "InstructionIndex",
    "LengthDemand",
    "Profile",
    "Verdict",
    "Watch",
    "count_words",
    "draw_per_item",
    "profile_named",
    "reference_sample_by_length_rank",
    "sample_by_length_rank",
]

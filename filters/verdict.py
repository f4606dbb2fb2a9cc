"""The answer of every rule: keep a text, or the one reason to drop it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a text is kept; a dropped text carries exactly one reason, a stable public key."""

    reason: str | None = None

    @property
    def keep(self) -> bool:
        """True when no rule objected."""
        return self.reason is None


KEEP = Verdict()

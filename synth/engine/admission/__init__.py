"""Which request the engine gets when, and what it does with room that nobody needs."""

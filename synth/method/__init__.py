"""The method as coroutines: expand, generate, extend, and the cohort that ranks them."""

"""One run on many engines: Ray actors, each with an engine and cohorts of its own."""

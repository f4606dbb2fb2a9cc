"""What says again what was said: loops, word groups, frames, sentences, poor stretches."""

"""Data and training in turn: the steps of `synth loop`, each a process of its own."""

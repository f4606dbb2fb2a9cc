"""The default profile's rules: a rule says why it drops a text, its sign says so in the stream."""

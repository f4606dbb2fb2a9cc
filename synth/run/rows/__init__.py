"""Training rows: which records make one, and the files that they are cut into."""

"""Files and directories: whole or not at all, owned by one process, read strictly."""

"""What lies on disk: every file's rows, typed once, for those who write and those who read them."""

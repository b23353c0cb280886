"""SNS of MiniStack: every operation that this cloud offers, in its place, on its records."""

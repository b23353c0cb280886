"""Builds: which of them run now, and what one does from its first phase to its last."""

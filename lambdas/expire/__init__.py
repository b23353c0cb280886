"""Deletes the workshop's stacks when it expires, and at last its own."""

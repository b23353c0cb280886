"""Buildspecs: read, checked, and refused with the line, before anything runs."""

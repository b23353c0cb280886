"""The workshop's names that the functions need; tests/contract/test_names.py holds them against contract/names.py."""

REQUESTS = "requests"
STATUS = "status"
IMAGES = "images"
"""Folders of the bucket."""

INFERENCE_ID = r"[A-Za-z0-9._-]{1,64}"
"""What an inference id must match; `.` and `..` are refused besides."""

"""The pixel inspector: a picture's numbers, and where they stand in the model's JSON.

One ES module (``inspector.js``) with two hosts: a widget (:class:`Inspector`) and static HTML (:mod:`hosting`), which
the demo's page uses too.
"""

from helpers.show.inspector.inspector import Inspector
from helpers.show.inspector.subject import Subject, plain_png, subject_of

__all__ = ["Inspector", "Subject", "plain_png", "subject_of"]

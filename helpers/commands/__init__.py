"""What ``make`` starts, each with ``python -m helpers.commands.<name>``; nothing imports from here."""

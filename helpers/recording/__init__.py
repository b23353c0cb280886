"""What was said to a target, scrubbed before it is written."""

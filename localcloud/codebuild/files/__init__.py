"""A build's files: where they are, how they come in, and how they go out."""

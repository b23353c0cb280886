"""SQS of MiniStack: what it lets pass and AWS does not, and the operations that it lacks."""

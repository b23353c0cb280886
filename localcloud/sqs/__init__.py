"""What Amazon SQS takes, apart from any state: names and attributes of queues, and messages."""

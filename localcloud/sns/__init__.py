"""What Amazon SNS takes, which filters let a message pass, and how it is delivered: apart from any state."""

"""What keeps a forgotten workshop from being billed: expiry, budget, an alarm on an idle instance."""

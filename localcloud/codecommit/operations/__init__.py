"""The operations of CodeCommit's API, one module for each kind of thing."""

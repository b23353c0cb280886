"""Who may do what: one authorizer for every call, and the roles that services act with."""

"""How Small World was made: everything that an endpoint does not load; README.md says what is where."""

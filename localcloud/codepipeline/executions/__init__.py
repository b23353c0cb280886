"""Executions: the state machine, its records, and the threads that run actions."""

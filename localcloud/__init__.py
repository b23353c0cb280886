"""AWS on a laptop: MiniStack in process, plus the services it lacks.

Knows AWS's APIs and nothing of the workshop.
"""

"""What both functions share: names, environment, events, errors. Each bundle holds a copy next to its own package.

Like the functions it imports nothing of the project: a bundle must be whole in itself.
"""

"""What the notebooks import: settings, connection, JumpStart look-ups, inference client and deployment.

The package itself imports nothing, so that ``contract.settings`` costs no more than the standard library.
"""

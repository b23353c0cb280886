"""Report groups and reports: what a build's tests said."""

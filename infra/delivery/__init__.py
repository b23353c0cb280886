"""What the pipeline is made of: builds, deployments, the notice of a failure, the smoke test's permissions."""

"""AWS Lambda of this cloud: execution environments, invocations and what the control plane refuses."""

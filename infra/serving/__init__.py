"""What answers a prompt: model, endpoint and its scaling, bucket, topics, functions, dashboard, network."""

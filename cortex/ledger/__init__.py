"""What is kept on disk: quotas, rests, usage and cost."""

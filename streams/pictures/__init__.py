"""Pictures of others are decoded in child processes, which have no credentials, no network and no files."""

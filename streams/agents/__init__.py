"""One module for each worker. An agent is a pipe: decode, (infer), decide, count, encode and send."""

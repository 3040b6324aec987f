"""One module for each worker, and what only the workers use.

A worker is a pipe: decode, (infer), decide, count, encode and send.
"""

"""One module for each worker, and what only they use.

A worker is a pipe: decode, (infer), decide, count, encode and send.
"""

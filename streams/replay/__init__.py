"""A recorded log, folded again and held against what went out."""

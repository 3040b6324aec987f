"""Run the logs of some seeds again: `python -m tests.reference SEED [SEED ...]`."""

import sys

from tests.reference.report import explain

if __name__ == "__main__":
    for seed in sys.argv[1:]:
        print(explain(int(seed)))  # noqa: T201

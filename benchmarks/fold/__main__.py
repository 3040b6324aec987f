"""`python -m benchmarks.fold`."""

import sys

from benchmarks.fold.bench import main

main(sys.argv[1:])

"""`python -m benchmarks.storms`."""

import sys

from benchmarks.storms.bench import main

main(sys.argv[1:])

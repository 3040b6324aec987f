"""`python -m benchmarks.latency`."""

import sys

from benchmarks.latency.bench import main

sys.exit(main())

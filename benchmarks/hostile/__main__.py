"""`python -m benchmarks.hostile`."""

import sys

from benchmarks.hostile.bench import main

sys.exit(main())

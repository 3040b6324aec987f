"""`python -m benchmarks.beside_pictures`."""

import sys

from benchmarks.beside_pictures.bench import main

sys.exit(main())

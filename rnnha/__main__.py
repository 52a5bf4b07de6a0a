"""`python -m rnnha` is the same as the command `rnnha`."""

import sys

from rnnha.cli import main

sys.exit(main())

"""`python -m nst_engine` is `nst`."""

import sys

from nst_engine.cli.main import main

sys.exit(main())

"""`python -m nst_engine` is `nst`."""

import sys

from nst_engine.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

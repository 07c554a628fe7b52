"""`python -m tfseg`: the command line, where the script `tfseg` is not on the path."""

import sys

from tfseg.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

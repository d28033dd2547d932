"""Write the demo recording again: ``python -m neurorec.datasets PATH``."""

import sys

from neurorec.datasets.demo import write_demo

if __name__ == "__main__":
    sys.stdout.write(f"wrote {write_demo(sys.argv[1])}\n")

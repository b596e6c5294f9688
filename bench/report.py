"""Print the end-to-end table of docs/performance.md, in Markdown.

python bench/report.py                      # the sizes of the claims; minutes
python bench/report.py --small              # n=2,000; seconds
"""

from __future__ import annotations

import argparse
import platform

import mehler as mh
from cases import HIGH, IMAGES, SMALL
from peers import PEERS, compare, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="n=2,000 only")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, medians shown")
    options = parser.parse_args()
    print(f"{platform.machine()}, {mh.build_info()}\n")
    for case in [SMALL] if options.small else [SMALL, HIGH, IMAGES]:
        runs = compare(list(PEERS), case, options.rounds)
        print(f"{case}\n\n{table(runs, runs['scipy-cholesky'].value)}\n", flush=True)


if __name__ == "__main__":
    main()

"""What enumerating, counting and drawing the arrangements of c-LLZO cost.

Every case runs in a fresh process. Wall and CPU time cover reading the CIF and the work,
not the start of Python and the imports; the peak memory is that of the process. The last
case is for orientation: a plain NumPy pass that maps every arrangement without symmetry
to the smallest of its images, timed on a sample and extrapolated.

    python benchmarks/configurations.py            # all cases
    python benchmarks/configurations.py --only draw
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from confvib.crystal.burnside import count_ratios
from confvib.crystal.drawing import draw_orbits
from confvib.crystal.enumeration import enumerate_configurations
from confvib.crystal.fingerprint import pair_fingerprints
from confvib.crystal.parent import read_parent
from confvib.crystal.rules import DistanceRule, conflict_matrix
from confvib.crystal.site_graph import SiteGraph

ROOT = Path(__file__).resolve().parents[1]
CUBIC = ROOT / "resources/structures/c-LLZO.cif"
RESULTS = ROOT / "benchmarks/results/configurations.txt"
RULES = (DistanceRule(("24d", "96h"), 2.0), DistanceRule(("96h", "96h"), 1.0))
N_DRAWS = 10_000
N_PLAIN = 50_000


def read(supercell=None, rules=RULES):
    parent = read_parent(CUBIC, {"24d": "Li", "96h": "Li"}, supercell=supercell)
    return parent, SiteGraph.build(conflict_matrix(parent, rules), parent.kinds)


def only_read():
    parent, _ = read()
    return f"{len(parent.sites)} sites, {len(parent.permutations)} operations"


def enumerate_ratio(n_24d, *, fingerprints=False):
    parent, _ = read()
    found = enumerate_configurations(parent, {"24d": n_24d, "96h": 56 - n_24d}, RULES)
    text = f"{len(found.occupancy)} of {found.raw_count}"
    if fingerprints:
        text += f", {len(set(pair_fingerprints(parent, found.occupancy)))} fingerprints"
    return text


def enumerate_all():
    parts = [enumerate_ratio(n).split() for n in range(8, 14)]
    rows, arrangements = (sum(int(part[n]) for part in parts) for n in (0, 2))
    return f"{rows} of {arrangements}"


def ratios(totals):
    parent, graph = read()
    found = count_ratios(graph, parent.permutations, (0, 0), (24, 96), totals)
    n_orbits = sum(ratio.n_inequivalent for ratio in found)
    return f"{len(found)} ratios, {n_orbits:.4g} orbits"


def draw(supercell, rules, counts):
    parent, graph = read(supercell, rules)
    found = draw_orbits(graph, parent.permutations, counts, N_DRAWS, 1)
    return f"{N_DRAWS} of {found.n_inequivalent:.4g} orbits"


def plain_pass():
    """Time the images of a sample of arrangements; scale to all of them."""
    parent, _ = read()
    found = enumerate_configurations(parent, {"24d": 11, "96h": 45}, RULES)
    random = np.random.Philox(1).random_raw(2 * N_PLAIN)
    rows = found.occupancy[random[:N_PLAIN] % len(found.occupancy)]
    images = parent.permutations[random[N_PLAIN:] % len(parent.permutations)]
    sample = np.take_along_axis(rows, images, axis=1)
    start = time.perf_counter()
    smallest = keys(sample)
    for permutation in parent.permutations:
        other = keys(sample[:, permutation])
        first, second = other.T
        better = (first < smallest[:, 0]) | (
            (first == smallest[:, 0]) & (second < smallest[:, 1])
        )
        smallest[better] = other[better]
    n_found = len(np.unique(smallest, axis=0))
    seconds = (time.perf_counter() - start) * found.raw_count / N_PLAIN
    return (
        f"EXTRAPOLATED {seconds:.0f} s for {found.raw_count} arrangements, from "
        f"{N_PLAIN} of them ({n_found} orbits)"
    )


def keys(occupancy):
    padded = np.zeros((len(occupancy), 16), dtype=np.uint8)
    packed = np.packbits(occupancy, axis=1)
    padded[:, : packed.shape[1]] = packed
    return padded.view(">u8")


CASES = {
    "read the crystal": only_read,
    "enumerate 12:44": lambda: enumerate_ratio(12),
    "enumerate 12:44, fingerprints": lambda: enumerate_ratio(12, fingerprints=True),
    "enumerate 11:45": lambda: enumerate_ratio(11),
    "enumerate 11:45, fingerprints": lambda: enumerate_ratio(11, fingerprints=True),
    "enumerate 13:43": lambda: enumerate_ratio(13),
    "enumerate 10:46": lambda: enumerate_ratio(10),
    "enumerate 9:47": lambda: enumerate_ratio(9),
    "enumerate 8:48": lambda: enumerate_ratio(8),
    "enumerate all six ratios": enumerate_all,
    "count all ratios of 56 Li": lambda: ratios([((0, 1), 56)]),
    "count all ratios": lambda: ratios(()),
    "draw 8:48": lambda: draw(None, RULES, (8, 48)),
    "draw 12:44 without rules": lambda: draw(None, (), (12, 44)),
    "draw 24:88 in 2x1x1": lambda: draw((2, 1, 1), RULES, (24, 88)),
    "draw 48:176 in 4x1x1": lambda: draw((4, 1, 1), RULES, (48, 176)),
    "plain NumPy pass, 11:45": plain_pass,
}


def run_here(name):
    wall, cpu = time.perf_counter(), time.process_time()
    result = CASES[name]()
    seconds = time.perf_counter() - wall, time.process_time() - cpu
    # Linux counts in KiB.
    peak_MB = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps([*seconds, peak_MB, result]))


def run_elsewhere(name):
    command = [sys.executable, str(Path(__file__)), "--run", name]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - this script itself
    wall_s, cpu_s, peak_MB, result = json.loads(answer.stdout)
    return f"{name:30} {wall_s:8.2f} {cpu_s:8.2f} {peak_MB:8.0f}  {result}"


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--run", choices=CASES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        run_here(arguments.run)
        return
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}"
    lines = [
        f"{processor()}, {os.cpu_count()} cores; {versions}",
        f"{'case':30} {'wall/s':>8} {'CPU/s':>8} {'peak/MB':>8}  result",
    ]
    print("\n".join(lines), flush=True)
    for name in CASES:
        if arguments.only in name:
            lines.append(run_elsewhere(name))
            print(lines[-1], flush=True)
    if not arguments.only:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

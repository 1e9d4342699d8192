"""Exact enumeration against SHRY, icet and pymatgen: numbers and times.

The cases are in ``tests/unit/crystal/data/other_codes_cases.json``. The numbers that the
other codes give for them are committed beside it and are what
``tests/unit/crystal/test_other_codes.py`` asserts; this script finds them again.

SHRY has no distance rules: its patterns are filtered afterwards, which is right because
a rule holds for all or none of the members of an orbit. icet gives every superstructure
of a size: all lattices of that size, none with a smaller period. pymatgen groups all
orderings of a cell by StructureMatcher.

The other codes want older releases of NumPy and pymatgen than confvib does, so they
have an environment of their own::

    python3.11 -m venv /tmp/other-codes
    /tmp/other-codes/bin/pip install shry==1.1.8 icet==3.2 'pymatgen==2023.10.4' \
        'numpy<2' 'spglib==2.4.0'
    /tmp/other-codes/bin/python benchmarks/other_codes.py            # check and time
    /tmp/other-codes/bin/python benchmarks/other_codes.py --write    # new golden numbers

``--confvib`` names the Python that has confvib, the project's own by default. Times are
CPU seconds of reading the CIF and enumerating; starting Python and importing are left
out by running a small case first.
"""

import argparse
import contextlib
import hashlib
import itertools
import json
import re
import subprocess
import sys
import time
import warnings
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests/unit/crystal/data"
CASES = DATA / "other_codes_cases.json"
GOLDEN = DATA / "other_codes_golden.json"
RESULTS = ROOT / "benchmarks/results/other_codes.txt"
PACKAGES = ("shry", "icet", "pymatgen", "spglib", "numpy")


def summarise(rows, multiplicity):
    """Describe canonical rows, (n, M), and the arrangements that each stands for."""
    multiplicity = np.asarray(multiplicity, dtype=np.int64)
    order = np.lexsort(rows.T[::-1])
    digest = hashlib.sha256(np.packbits(rows[order], axis=1).tobytes())
    digest.update(multiplicity[order].astype("<i8").tobytes())
    histogram = Counter(multiplicity.tolist())
    return {
        "patterns": len(rows),
        "arrangements": int(multiplicity.sum()),
        "multiplicities": {str(size): histogram[size] for size in sorted(histogram)},
        "rows_sha256": digest.hexdigest(),
    }


def shry_patterns(case):
    """Run SHRY: its substitutor, the letters of each pattern, their weights."""
    from shry.core import Substitutor
    from shry.main import LabeledStructure

    structure = LabeledStructure.from_file(str(ROOT / case["cif"]))
    cell_sites = Counter(site.properties["_atom_site_label"][0] for site in structure)
    matrix = np.array(case.get("supercell", (1, 1, 1)))
    n_cells = round(np.linalg.det(matrix)) if matrix.ndim == 2 else int(matrix.prod())
    for name, group in case["groups"].items():
        label = group.get("label", name)
        n_rest = cell_sites[label] * n_cells - sum(group["counts"].values())
        amounts = {**group["counts"], **({group["rest"]: n_rest} if n_rest else {})}
        formula = "".join(f"{element(sp)}{n}" for sp, n in amounts.items())
        structure.replace_species({label: formula})
    structure *= matrix
    substitutor = Substitutor(structure)
    letters, weights = [], []
    for packet in substitutor.quantities(("weight", "letter")):
        letters.append(packet["letter"])
        weights.append(packet["weight"])
    return substitutor, letters, np.array(weights)


def element(species):
    """Return the element that stands for a species; SHRY has no vacancies."""
    return "Es" if species == "vacancy" else species


def shry_rows(case, substitutor, letters):
    """Translate SHRY's letters into places, with SHRY's own permutations of them.

    A place is a site and a species: the groups in the order of the case, the species
    of a group in their order, the sites by x, then y, then z.
    """
    text = np.array([list(word) for word in letters])
    alphabet = iter("abcdefghijklmnopqrstuvwxyz")
    columns, perms, places, start, found = [], [], [], 0, {}
    for (label, *_), sites in substitutor.disorder_groups.items():
        species = substitutor._disorder_elements()[(label,)]  # noqa: SLF001 - the order of its letters is not public
        names = {str(sp): next(alphabet) for sp in species}
        found[label] = (text[:, start : start + len(sites)], names, sites)
        start += len(sites)
    for name, group in case["groups"].items():
        label = group.get("label", name)
        block, names, sites = found[label]
        points = np.array([site.frac_coords for site in sites])
        points = np.round(points - np.floor(points + 1e-6), 6)
        order = np.lexsort(points.T[::-1])
        own = np.array(substitutor._group_perms[(label,)])  # noqa: SLF001 - likewise
        sorted_perms = np.argsort(order)[own[:, order]]
        for sp in group["counts"]:
            columns.append(block[:, order] == names[element(sp)])
            perms.append(sorted_perms + sum(p.shape[1] for p in perms))
            places += [(name, sp, sites[i]) for i in order]
    rows = np.concatenate(columns, axis=1)
    return rows, np.unique(np.concatenate(perms, axis=1), axis=0), places


def canonical(rows, permutations):
    """Return the smallest bit string of the orbit of each row, (n, M)."""
    best = np.packbits(rows, axis=1)
    for image in permutations:
        moved = np.zeros_like(rows)
        moved[:, image] = rows
        packed = np.packbits(moved, axis=1)
        differ = packed != best
        first = np.argmax(differ, axis=1)
        index = np.arange(len(rows))
        better = differ.any(axis=1) & (packed[index, first] < best[index, first])
        best[better] = packed[better]
    return np.unpackbits(best, axis=1)[:, : rows.shape[1]].astype(bool)


def allowed(rows, places, rules):
    """Which rows keep the distance rules, by pymatgen's distances."""
    kept = np.ones(len(rows), dtype=bool)
    for rule in rules:
        forbidden = np.zeros((len(places), len(places)))
        for (i, first), (j, second) in itertools.combinations(enumerate(places), 2):
            if first[2] is second[2] or not rule_applies(rule, first, second):
                continue
            forbidden[i, j] = first[2].distance(second[2]) < rule["min_distance_A"]
        kept &= ~np.any((rows @ forbidden) * rows > 0, axis=1)
    return kept


def rule_applies(rule, first, second):
    """Whether a rule is for this pair of (group, species) places."""
    for column, pair in enumerate((rule["groups"], rule["species"])):
        if pair is not None:
            return sorted(pair) == sorted((first[column], second[column]))
    return "vacancy" not in (first[1], second[1])


def run_shry(case):
    start = time.process_time()
    with contextlib.redirect_stdout(None):
        substitutor, letters, weights = shry_patterns(case)
    seconds = time.process_time() - start
    rows, permutations, places = shry_rows(case, substitutor, letters)
    kept = allowed(rows, places, case.get("rules", ()))
    rows = canonical(rows[kept], permutations)
    if len(np.unique(rows, axis=0)) < len(rows):
        raise SystemExit("SHRY gave one orbit twice")
    golden = {"without_rules": len(letters), **summarise(rows, weights[kept])}
    return golden, seconds


def run_icet(case):
    from ase import Atoms
    from icet.tools import enumerate_structures

    start = time.process_time()
    sites = case["sites"]
    primitive = Atoms(
        [site["species"][0] for site in sites],
        scaled_positions=[site["position"] for site in sites],
        cell=case["cell"],
        pbc=True,
    )
    golden = {}
    for size in range(1, case["max_cells"] + 1):
        symbols = [site["species"] for site in sites]
        found = Counter(
            formula(atoms.symbols, sites)
            for atoms in enumerate_structures(primitive, [size], symbols)
        )
        golden[str(size)] = dict(sorted(found.items()))
    return golden, time.process_time() - start


def formula(symbols, sites):
    """Amounts of the species that share sites, the fixed ones left out."""
    fixed = {site["species"][0] for site in sites if len(site["species"]) == 1}
    amounts = Counter(symbol for symbol in symbols if symbol not in fixed)
    return " ".join(f"{symbol}{n}" for symbol, n in sorted(amounts.items()))


def run_pymatgen(case):
    from pymatgen.analysis.structure_matcher import StructureMatcher

    start = time.process_time()
    orderings = all_orderings(case)
    matcher = StructureMatcher(
        ltol=0.01, stol=0.01, angle_tol=0.5, primitive_cell=False, scale=False
    )
    sizes = Counter(len(group) for group in matcher.group_structures(orderings))
    golden = {
        "patterns": sum(sizes.values()),
        "arrangements": len(orderings),
        "multiplicities": {str(size): sizes[size] for size in sorted(sizes)},
    }
    return golden, time.process_time() - start


def all_orderings(case):
    """Build all structures with the counts and rules of the case, one species a group."""
    from pymatgen.core import Structure

    structure = Structure.from_file(ROOT / case["cif"])
    structure.add_site_property("label", structure.labels)
    structure.make_supercell(case.get("supercell", (1, 1, 1)), to_unit_cell=True)
    places, picks = [], []
    for name, group in case["groups"].items():
        label, [(species, count)] = group.get("label", name), group["counts"].items()
        sites = [n for n, s in enumerate(structure) if s.properties["label"] == label]
        picks.append(list(itertools.combinations(sites, count)))
        places += [(name, species, structure[n], n, group["rest"]) for n in sites]
    chosen = [set(itertools.chain(*pick)) for pick in itertools.product(*picks)]
    rows = np.array([[place[3] in pick for place in places] for pick in chosen])
    orderings = []
    for row in rows[allowed(rows, places, case.get("rules", ()))]:
        ordering = structure.copy()
        for occupied, (_, species, _, n, rest) in zip(row, places, strict=True):
            ordering[n].species = species if occupied else rest
        ordering.remove_species(["Es"])
        orderings.append(ordering)
    return orderings


RUNNERS = {"shry": run_shry, "icet": run_icet, "pymatgen": run_pymatgen}


def run_confvib(case):
    """Run the case here; in the environment that has confvib."""
    from confvib.crystal.enumeration import enumerate_configurations
    from confvib.crystal.parent import read_parent
    from confvib.crystal.rules import DistanceRule

    start = time.process_time()
    groups, counts = {}, {}
    for name, group in case["groups"].items():
        species = list(group["counts"])
        groups[name] = species if len(species) > 1 else species[0]
        for sp, count in group["counts"].items():
            counts[f"{name}/{sp}" if len(species) > 1 else name] = count
    parent = read_parent(ROOT / case["cif"], groups, supercell=case.get("supercell"))
    rules = [DistanceRule(**rule) for rule in case.get("rules", ())]
    found = enumerate_configurations(parent, counts, rules)
    seconds = time.process_time() - start
    return summarise(found.occupancy, found.multiplicity), seconds


def confvib_elsewhere(python, case):
    """Run a case with another Python."""
    command = [str(python), __file__, "--run-confvib", json.dumps(case)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - this script itself
    return json.loads(answer.stdout)


def table(rows):
    """Lay rows of text out in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [
            text.rjust(width) for text, width in zip(others, widths[1:], strict=True)
        ]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return "\n".join(lines)


def compare(golden, python):
    cases = json.loads(CASES.read_text())
    rows = [("case", "code", "orbits", "arrangements", "theirs/s", "confvib/s", "agree")]
    for code, runner in RUNNERS.items():
        for name, case in cases[code].items():
            numbers, seconds = runner(case)
            golden[code][name] = numbers
            if code == "icet":
                n_found = sum(sum(sizes.values()) for sizes in numbers.values())
                rows.append((name, code, str(n_found), "-", f"{seconds:.2f}", "-", "-"))
            else:
                ours, our_seconds = confvib_elsewhere(python, case)
                agree = all(ours[key] == numbers[key] for key in ours if key in numbers)
                shown = (str(numbers["patterns"]), str(numbers["arrangements"]))
                times = (f"{seconds:.2f}", f"{our_seconds:.2f}")
                rows.append((name, code, *shown, *times, "yes" if agree else "NO"))
            print(rows[-1], flush=True)
    return table(rows)


def main():
    parser = argparse.ArgumentParser(
        description="Exact enumeration against SHRY, icet and pymatgen"
    )
    parser.add_argument("--confvib", type=Path, default=ROOT / ".venv/bin/python")
    parser.add_argument("--write", action="store_true", help="write the golden numbers")
    parser.add_argument("--run-confvib", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    small = next(iter(json.loads(CASES.read_text())["shry"].values()))
    if arguments.run_confvib:
        run_confvib(small)
        print(json.dumps(run_confvib(json.loads(arguments.run_confvib))))
        return
    warnings.simplefilter("ignore")
    from shry import const

    const.DISABLE_PROGRESSBAR = True
    run_shry(small)
    golden = {"versions": {name: version(name) for name in PACKAGES}}
    golden |= {code: {} for code in RUNNERS}
    text = table([("package", "version"), *golden["versions"].items()])
    text += "\n\n" + compare(golden, arguments.confvib)
    print(text)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(text + "\n")
    if arguments.write:
        text = json.dumps(golden, indent=1)
        # One line for each innermost table.
        text = re.sub(r"\{[^{}]*\}", lambda found: " ".join(found[0].split()), text)
        GOLDEN.write_text(text + "\n")
        return
    committed = json.loads(GOLDEN.read_text())
    if any(golden[code] != committed[code] for code in RUNNERS):
        sys.exit(f"these are not the numbers in {GOLDEN}")


if __name__ == "__main__":
    main()

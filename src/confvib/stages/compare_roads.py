"""Stage ``compare_roads``: force field and reference on the same configurations."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from confvib.stages.accuracy_rows import configuration_rows
from confvib.stages.job import Progress
from confvib.stages.roads import GROUPS, Roads, read_roads
from confvib.tables.accuracy_contracts import ACCURACY_CONFIGURATIONS, ACCURACY_ERRORS
from confvib.tables.parquet import write_table
from confvib.tables.provenance import collect
from confvib.thermo.roads import ensemble_errors, value_errors, weight_errors
from confvib.units import BOLTZMANN_EV_PER_K

Row = dict[str, Any]
Paths = Mapping[str, Sequence[str]]

_FEWEST_ROWS = 2


def compare_roads(
    structure: str,
    given: Paths,
    exact: Paths,
    outputs: Mapping[str, str],
    params: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Compare what two potentials make of the same configurations.

    Args:
        structure: CIF of the parent crystal.
        given: Paths of the ``configurations``, ``relaxed`` and ``harmonic`` tables of the
            campaign.
        exact: Those of its companion on the reference.
        outputs: Paths of the ``errors`` and ``configurations`` tables to write.
        params: Parameters of the rule.
        progress: Where to report.
    """
    started = time.monotonic()
    roads = read_roads(structure, given, exact, params)
    rows = [
        row
        for group in GROUPS
        for temperature_K in params["settings"]["temperatures_K"]
        for row in error_rows(roads, group, temperature_K)
    ]
    paths = [path for road in (given, exact) for kind in road.values() for path in kind]
    provenance = collect(
        params["config_hash"],
        started=started,
        inputs=[structure, *dict.fromkeys(paths)],
        equivalence=params["equivalence"],
    )
    write_table(outputs["errors"], ACCURACY_ERRORS, rows, provenance)
    write_table(
        outputs["configurations"],
        ACCURACY_CONFIGURATIONS,
        configuration_rows(roads, params["settings"]["temperatures_K"]),
        provenance,
    )
    progress.say(
        f"{len(roads.config_ids)} configurations, {len(roads.both)} by both roads, "
        f"{len(roads.chosen('same_minimum'))} of these on the same arrangement"
    )


def error_rows(roads: Roads, group: str, temperature_K: float) -> Iterator[Row]:
    """Yield the errors of each quantity at one temperature.

    Args:
        roads: Both roads.
        group: ``all`` or ``same_minimum``.
        temperature_K: Temperature > 0.
    """
    config_ids = roads.chosen(group)
    about: Row = {
        **dict.fromkeys(column.name for column in ACCURACY_ERRORS.columns),
        "set": roads.set_name,
        "rows": group,
        "temperature_K": temperature_K,
        "n_atoms": roads.n_atoms,
        "n_rows": len(config_ids),
        "n_other_minimum": len(roads.both) - len(roads.chosen("same_minimum")),
        "n_left_out": len(roads.config_ids) - len(roads.both),
        "left_out": roads.left_out(),
        "status": "ok",
        "reason": "",
    }
    for quantity in ("energy", "minimum", "harmonic", "minimum+harmonic"):
        if len(config_ids) < _FEWEST_ROWS:
            failed = (
                f"{len(config_ids)} row(s) that both roads have, two make a difference"
            )
            yield about | {"quantity": quantity, "status": "failed", "reason": failed}
            continue
        yield about | {
            "quantity": quantity,
            **_errors(roads, config_ids, quantity, temperature_K),
        }


def _errors(
    roads: Roads, config_ids: Sequence[str], quantity: str, temperature_K: float
) -> Row:
    kT_eV = BOLTZMANN_EV_PER_K * temperature_K
    exact, given = (
        road.values(config_ids, temperature_K) for road in (roads.exact, roads.given)
    )
    one, other = exact.of(quantity), given.of(quantity)
    found = value_errors(one, other)
    row = {
        "mean_eV": found.mean_eV,
        "rms_eV": found.rms_eV,
        "mae_eV": found.mae_eV,
        "largest_eV": found.largest_eV,
        "pairs_eV": found.pairs_eV,
        "spread_eV": found.spread_eV,
        "rank_correlation": found.rank_correlation,
        "rms_over_kT": found.rms_eV / kT_eV,
        "pairs_over_kT": found.pairs_eV / kT_eV,
    }
    if quantity == "harmonic":  # no weight is made of it alone
        return row
    weights = roads.weights(config_ids)
    weighed = weight_errors(one, other, weights, temperature_K)
    ensemble = ensemble_errors(
        exact.weighed(quantity),
        given.weighed(quantity),
        weights,
        temperature_K,
        n_atoms=roads.n_atoms,
    )
    per_atom = BOLTZMANN_EV_PER_K * roads.n_atoms
    return row | {
        "overlap": weighed.overlap,
        "bhattacharyya": weighed.bhattacharyya,
        "weight_rank_correlation": weighed.rank_correlation,
        "same_top": weighed.same_top,
        "top_weight": weighed.top_weight,
        "top_weight_given": weighed.top_weight_given,
        "ess": weighed.ess,
        "ess_given": weighed.ess_given,
        "F_error_eV": weighed.free_energy_error_eV,
        "F_second_order_eV": weighed.second_order_eV,
        "F_independent_eV": weighed.independent_eV,
        "S_conf_kB": ensemble.exact.configurational_entropy_eV_per_K / BOLTZMANN_EV_PER_K,
        "S_conf_error_kB": ensemble.S_conf_error_eV_per_K / BOLTZMANN_EV_PER_K,
        "S_kB_per_atom": ensemble.exact.entropy_eV_per_K / per_atom,
        "S_given_kB_per_atom": ensemble.given.entropy_eV_per_K / per_atom,
    }

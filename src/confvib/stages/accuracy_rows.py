"""Rows of the ``accuracy_configurations`` table: both roads, configuration by row."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from confvib.stages.roads import Road, Roads
from confvib.tables.accuracy_contracts import ACCURACY_CONFIGURATIONS
from confvib.thermo.roads import boltzmann_weights

Row = dict[str, Any]


def configuration_rows(roads: Roads, temperatures_K: Sequence[float]) -> Iterator[Row]:
    """Yield a row per configuration, whether both roads have it or not.

    Args:
        roads: Both roads.
        temperatures_K: Temperatures of F and of the weights.
    """
    found: dict[str, Row] = {key: {} for key in roads.both}
    if found:
        weights = roads.weights(roads.both)
        for key, weight in zip(roads.both, weights, strict=True):
            found[key]["weight"] = float(weight)
        for suffix, road in (("", roads.exact), ("_given", roads.given)):
            for key, row in _of_road(roads, road, suffix, temperatures_K):
                found[key] |= row
    blank = dict.fromkeys(column.name for column in ACCURACY_CONFIGURATIONS.columns)
    for key in roads.config_ids:
        row = blank | {
            "config_id": key,
            "seen": key in roads.seen,
            "temperatures_K": list(temperatures_K),
            "status": "ok",
            "reason": "",
        }
        yield row | (
            found[key] | _ends(roads, key) if key in found else _refusal(roads, key)
        )


def _of_road(
    roads: Roads, road: Road, suffix: str, temperatures_K: Sequence[float]
) -> Iterator[tuple[str, Row]]:
    """Yield what one road says of each row that both have."""
    keys, weights = roads.both, roads.weights(roads.both)
    at = [road.values(keys, temperature_K) for temperature_K in temperatures_K]
    harmonic = np.array([values.of("harmonic") for values in at])
    probability = np.array(
        [
            boltzmann_weights(values.of("minimum+harmonic"), weights, temperature_K)
            for values, temperature_K in zip(at, temperatures_K, strict=True)
        ]
    )
    for number, key in enumerate(keys):
        yield (
            key,
            {
                f"energy{suffix}_eV": float(at[0].energy_eV[number]),
                f"minimum{suffix}_eV": float(at[0].minimum_eV[number]),
                f"harmonic{suffix}_eV": harmonic[:, number].tolist(),
                f"probability{suffix}": probability[:, number].tolist(),
                f"end_arrangement{suffix}": road.arrangement(key),
            },
        )


def _ends(roads: Roads, config_id: str) -> Row:
    distances_A = roads.apart_A(config_id)
    return {
        "same_minimum": roads.same_minimum(config_id),
        "displacement_max_A": float(distances_A.max()),
        "displacement_rms_A": float(np.sqrt(np.mean(distances_A**2))),
    }


def _refusal(roads: Roads, config_id: str) -> Row:
    statuses = [(name, road.status(config_id)) for name, road in roads.named()]
    bad = [(name, status) for name, status in statuses if status != "ok"]
    return {
        "status": bad[0][1],
        "reason": "; ".join(f"{name}: {status}" for name, status in bad),
    }

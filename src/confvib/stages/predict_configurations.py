"""Stage ``predict_configurations``: E and F of every row of a set from those computed."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from confvib.errors import ThermodynamicsError
from confvib.stages.job import Progress
from confvib.stages.surrogate_subject import Subject, Target, read_subject, targets
from confvib.tables.parquet import write_table
from confvib.tables.provenance import collect
from confvib.tables.surrogate_contracts import (
    SURROGATE_ENSEMBLES,
    SURROGATE_PREDICTIONS,
)
from confvib.thermo.bootstrap import bootstrap_canonical
from confvib.thermo.evidence import fit_surrogate
from confvib.thermo.partition import canonical_ensemble
from confvib.thermo.sampling import effective_sample_size
from confvib.thermo.surrogate import Surrogate, calibration
from confvib.thermo.surrogate_ensemble import (
    PredictedEnsemble,
    assisted_ensemble,
    predicted_ensemble,
)
from confvib.units import BOLTZMANN_EV_PER_K

Row = dict[str, Any]


def predict_configurations(
    structure: str,
    inputs: Mapping[str, Sequence[str]],
    predictions: str,
    ensembles: str,
    params: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Learn from every computed row, predict every row, and sum over all of them.

    Args:
        structure: CIF of the parent crystal.
        inputs: Paths of the ``configurations``, ``relaxed``, ``harmonic`` and
            ``dynamics`` tables.
        predictions: The ``surrogate_predictions`` table.
        ensembles: The ``surrogate_ensembles`` table.
        params: Parameters of the rule.
        progress: Where to report.
    """
    started = time.monotonic()
    subject = read_subject(structure, inputs, params)
    features = subject.features()
    rows: list[Row] = []
    sums: list[Row] = []
    wanted = list(targets(subject, params["settings"]))
    for done, target in enumerate(wanted):
        used = subject.rows(target.config_ids)
        try:
            model = fit_surrogate(
                features, used, target.value_eV, noise_eV=target.noise_eV
            )
        except ThermodynamicsError as error:
            sums.append(_refused(params, subject, target, str(error)))
            continue
        found = _ensemble(params, subject, target, model)
        rows += _prediction_rows(subject, target, model, found)
        sums += _ensemble_rows(params, subject, target, model, found)
        progress.update(done + 1, len(wanted), "quantities", target.quantity)
    paths = [path for kind in inputs.values() for path in kind]
    provenance = collect(params["config_hash"], started=started, inputs=paths)
    write_table(predictions, SURROGATE_PREDICTIONS, rows, provenance)
    write_table(ensembles, SURROGATE_ENSEMBLES, sums, provenance)


def _ensemble(
    params: Mapping[str, Any], subject: Subject, target: Target, model: Surrogate
) -> PredictedEnsemble | None:
    if not target.weighs:
        return None
    rng = np.random.default_rng(params["seed"])
    return predicted_ensemble(
        model.draw(params["settings"]["draws"], rng),
        subject.weights(subject.config_ids),
        target.temperature_K,
    )


def _prediction_rows(
    subject: Subject,
    target: Target,
    model: Surrogate,
    found: PredictedEnsemble | None,
) -> Iterator[Row]:
    mean, sigma = model.predict()
    residual, left_out_sigma = model.leave_one_out()
    known = {
        key: (value, value - apart, spread)
        for key, value, apart, spread in zip(
            target.config_ids,
            target.value_eV.tolist(),
            residual.tolist(),
            left_out_sigma.tolist(),
            strict=True,
        )
    }
    for number, key in enumerate(subject.config_ids):
        value, left_out, spread = known.get(key, (None, None, None))
        yield {
            "config_id": key,
            "quantity": target.quantity,
            "temperature_K": target.temperature_K,
            "computed": key in known,
            "value_eV": value,
            "predicted_eV": float(mean[number]),
            "sigma_eV": float(sigma[number]),
            "left_out_eV": left_out,
            "left_out_sigma_eV": spread,
            "probability": None if found is None else float(found.probabilities[number]),
            "status": "ok",
            "reason": "",
        }


def _ensemble_rows(
    params: Mapping[str, Any],
    subject: Subject,
    target: Target,
    model: Surrogate,
    found: PredictedEnsemble | None,
) -> Iterator[Row]:
    """Yield what the predictions and what the computed rows alone give."""
    own = calibration(*model.leave_one_out())
    kT_eV = BOLTZMANN_EV_PER_K * target.temperature_K
    row = {
        **_refused(params, subject, target, ""),
        "n_features": model.features.values.shape[1],
        "left_out_rmse_eV": own.rmse_eV,
        "left_out_rmse_over_kT": own.rmse_eV / kT_eV,
        "left_out_mean_squared_z": own.mean_squared_z,
        "status": "ok",
    }
    if found is None:
        yield row
        return
    entropy = found.configurational_entropy_eV_per_K
    yield row | {
        "free_energy_eV": found.free_energy_eV,
        "free_energy_sigma_eV": found.free_energy_sigma_eV,
        "S_conf_kB": entropy / BOLTZMANN_EV_PER_K,
        "S_conf_sigma_kB": found.configurational_entropy_sigma_eV_per_K
        / BOLTZMANN_EV_PER_K,
        "ess": effective_sample_size(found.probabilities),
        "computed_weight": float(found.probabilities[model.rows].sum()),
    }
    assisted = assisted_ensemble(
        model,
        subject.weights(subject.config_ids),
        target.temperature_K,
    )
    yield row | {
        "estimator": "assisted",
        "free_energy_eV": assisted[0],
        "S_conf_kB": assisted[1] / BOLTZMANN_EV_PER_K,
    }
    yield row | {"estimator": "sampled"} | _sampled(params, subject, target)


def _sampled(params: Mapping[str, Any], subject: Subject, target: Target) -> Row:
    """Return the canonical averages of the computed rows alone, as a reduction does."""
    weights = subject.weights(target.config_ids)
    alone = canonical_ensemble(target.value_eV, weights, target.temperature_K, n_atoms=1)
    errors = bootstrap_canonical(
        target.value_eV,
        weights,
        target.temperature_K,
        n_resamples=params["bootstrap_samples"],
        seed=params["seed"],
        sampled_fraction=len(target.config_ids) / subject.facts.n_orbits,
    )
    return {
        "free_energy_eV": alone.free_energy_eV,
        "free_energy_sigma_eV": errors.free_energy_eV,
        "S_conf_kB": alone.configurational_entropy_eV_per_K / BOLTZMANN_EV_PER_K,
        "S_conf_sigma_kB": errors.entropy_eV_per_K / BOLTZMANN_EV_PER_K,
        "ess": alone.ess,
        "computed_weight": 1.0,
    }


def _refused(
    params: Mapping[str, Any], subject: Subject, target: Target, reason: str
) -> Row:
    return {
        **dict.fromkeys(column.name for column in SURROGATE_ENSEMBLES.columns),
        "set": params["settings"]["set"],
        "quantity": target.quantity,
        "temperature_K": target.temperature_K,
        "estimator": "predicted",
        "n_rows": len(subject.config_ids),
        "n_computed": len(target.config_ids),
        "status": "failed",
        "reason": reason,
    }

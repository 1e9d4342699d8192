"""Stage ``validate_surrogate``: what few rows of a computed set say of the others."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from confvib.errors import ThermodynamicsError
from confvib.stages.job import Progress
from confvib.stages.surrogate_subject import Target, read_subject, targets
from confvib.tables.parquet import write_table
from confvib.tables.provenance import collect
from confvib.tables.surrogate_contracts import SURROGATE_VALIDATION
from confvib.thermo.evidence import fit_surrogate, greedy_rows
from confvib.thermo.partition import CanonicalEnsemble, canonical_ensemble
from confvib.thermo.sampling import boltzmann_probabilities
from confvib.thermo.surrogate import Surrogate, calibration
from confvib.thermo.surrogate_ensemble import (
    assisted_ensemble,
    predicted_ensemble,
    sampled_probabilities,
    weight_overlap,
)
from confvib.thermo.surrogate_features import Features
from confvib.units import BOLTZMANN_EV_PER_K

Row = dict[str, Any]
Rows = NDArray[np.intp]
Fit = Callable[[Rows], Surrogate]

_FEWEST_ROWS = 4
_DRAWS_FOR_CHOICE = 50
"""Draws behind the weights that say where to compute next."""


def validate_surrogate(
    structure: str,
    inputs: Mapping[str, Sequence[str]],
    output: str,
    params: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Hide most of the computed rows, predict them, and compare with all of them.

    Args:
        structure: CIF of the parent crystal.
        inputs: Paths of the ``configurations``, ``relaxed``, ``harmonic`` and
            ``dynamics`` tables.
        output: The ``surrogate_validation`` table.
        params: Parameters of the rule.
        progress: Where to report.
    """
    started = time.monotonic()
    settings = params["settings"]
    subject = read_subject(structure, inputs, params)
    wanted = list(targets(subject, settings))
    rows: list[Row] = []
    energy_fit: Fit | None = None
    for done, target in enumerate(wanted):
        used = subject.rows(target.config_ids)
        weights = subject.weights(target.config_ids)
        try:
            features = subject.features(used)
        except ThermodynamicsError as error:
            rows.append(_refused(settings, target, str(error)))
            continue
        fit = _remembered(features, target)
        if target.quantity == "energy":
            # The same at every temperature: no row set is fitted twice.
            energy_fit = fit = energy_fit or fit
        rows += _Trial(settings, params["seed"], target, weights, fit).rows()
        progress.update(done + 1, len(wanted), "quantities", target.quantity)
    paths = [path for kind in inputs.values() for path in kind]
    provenance = collect(params["config_hash"], started=started, inputs=paths)
    write_table(output, SURROGATE_VALIDATION, rows, provenance)


def _remembered(features: Features, target: Target) -> Fit:
    found: dict[bytes, Surrogate] = {}

    def fit(rows: Rows) -> Surrogate:
        key = np.sort(rows).tobytes()
        if key not in found:
            found[key] = fit_surrogate(
                features, rows, target.value_eV[rows], noise_eV=target.noise_eV[rows]
            )
        return found[key]

    return fit


def _refused(settings: Mapping[str, Any], target: Target, reason: str) -> Row:
    return {
        **dict.fromkeys(column.name for column in SURROGATE_VALIDATION.columns),
        "set": settings["set"],
        "quantity": target.quantity,
        "temperature_K": target.temperature_K,
        "n_rows": len(target.config_ids),
        "status": "failed",
        "reason": reason,
    }


@dataclass
class _Trial:
    """All draws of one quantity at one temperature."""

    settings: Mapping[str, Any]
    seed: int
    target: Target
    weights: NDArray[np.float64]
    fit: Fit
    full: CanonicalEnsemble | None = field(init=False)

    def __post_init__(self) -> None:
        value = self.target.value_eV
        self.full = None
        if self.target.weighs and value.size:
            self.full = canonical_ensemble(
                value, self.weights, self.target.temperature_K, n_atoms=1
            )

    def probabilities(self) -> NDArray[np.float64]:
        """Return the weights of the computed rows, all of them together."""
        return boltzmann_probabilities(
            self.target.value_eV, self.weights, self.target.temperature_K
        )

    def rows(self) -> Iterator[Row]:
        """Yield a row per selection, repeat and fraction."""
        n_rows = len(self.target.config_ids)
        sizes = [max(_FEWEST_ROWS, round(f * n_rows)) for f in self.settings["fractions"]]
        if n_rows < 2 * sizes[-1]:
            reason = (
                f"{n_rows} computed row(s): {sizes[-1]} to learn from leave too few to "
                "test on"
            )
            yield _refused(self.settings, self.target, reason)
            return
        policies = ["random", "variance", *(["weight"] if self.full else [])]
        for repeat in range(self.settings["repeats"]):
            rng = np.random.default_rng((self.seed, repeat))
            order = rng.permutation(n_rows)
            for policy in policies:
                chosen = (
                    [order[:size] for size in sizes]
                    if policy == "random"
                    else self._grown(order, sizes, policy, rng)
                )
                for fraction, rows in zip(
                    self.settings["fractions"], chosen, strict=True
                ):
                    yield {
                        **_refused(self.settings, self.target, ""),
                        "selection": policy,
                        "fraction": fraction,
                        "repeat": repeat,
                        "n_computed": len(rows),
                        "status": "ok",
                        **self._scores(rows, rng, sampled=policy == "random"),
                    }

    def _grown(
        self, order: Rows, sizes: Sequence[int], policy: str, rng: np.random.Generator
    ) -> Iterator[Rows]:
        """Yield the rows of each size; the first half of the first is random."""
        rows = order[: max(_FEWEST_ROWS, sizes[0] // 2)]
        for size in sizes:
            steps = np.linspace(len(rows), size, self.settings["batches"] + 1)
            for aim in steps[1:].round().astype(int):
                if aim <= len(rows):
                    continue
                model = self.fit(rows)
                importance = None
                if policy == "weight":
                    importance = predicted_ensemble(
                        model.draw(_DRAWS_FOR_CHOICE, rng),
                        self.weights,
                        self.target.temperature_K,
                    ).probabilities
                new = greedy_rows(model, aim - len(rows), importance=importance)
                rows = np.concatenate([rows, new])
            yield rows

    def _scores(self, rows: Rows, rng: np.random.Generator, *, sampled: bool) -> Row:
        """Return how wrong the predictions from these rows are."""
        target, model = self.target, self.fit(rows)
        mean, sigma = model.predict()
        left = np.setdiff1d(np.arange(len(mean)), rows)
        test = calibration(
            (target.value_eV - mean)[left], np.hypot(sigma, target.noise_eV)[left]
        )
        own = calibration(*model.leave_one_out())
        kT_eV = BOLTZMANN_EV_PER_K * target.temperature_K
        scores = {
            "spread_eV": float(target.value_eV.std()),
            "rmse_eV": test.rmse_eV,
            "rmse_over_kT": test.rmse_eV / kT_eV,
            "sigma_eV": float(np.sqrt(np.mean(sigma[left] ** 2))),
            "within_1_sigma": test.within_1_sigma,
            "within_2_sigma": test.within_2_sigma,
            "mean_squared_z": test.mean_squared_z,
            "left_out_rmse_eV": own.rmse_eV,
            "left_out_mean_squared_z": own.mean_squared_z,
        }
        if self.full is not None:
            scores |= self._ensemble_scores(self.full, model, mean, rng)
            if sampled:
                scores |= self._sampled_scores(self.full, model, rows)
        return scores

    def _ensemble_scores(
        self,
        full: CanonicalEnsemble,
        model: Surrogate,
        mean: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> Row:
        T = self.target.temperature_K
        draws = model.draw(self.settings["draws"], rng)
        found = predicted_ensemble(draws, self.weights, T)
        plain = canonical_ensemble(mean, self.weights, T, n_atoms=1)
        entropy = found.configurational_entropy_eV_per_K
        return {
            "F_error_eV": found.free_energy_eV - full.free_energy_eV,
            "F_sigma_eV": found.free_energy_sigma_eV,
            "S_conf_error_kB": (entropy - full.configurational_entropy_eV_per_K)
            / BOLTZMANN_EV_PER_K,
            "S_conf_sigma_kB": found.configurational_entropy_sigma_eV_per_K
            / BOLTZMANN_EV_PER_K,
            "overlap": weight_overlap(found.probabilities, self.probabilities()),
            "F_mean_error_eV": plain.free_energy_eV - full.free_energy_eV,
        }

    def _sampled_scores(
        self, full: CanonicalEnsemble, model: Surrogate, rows: Rows
    ) -> Row:
        T = self.target.temperature_K
        free, entropy, probabilities = sampled_probabilities(
            self.target.value_eV, self.weights, rows, T
        )
        assisted = assisted_ensemble(model, self.weights, T)
        return {
            "F_assisted_error_eV": assisted[0] - full.free_energy_eV,
            "S_conf_assisted_error_kB": (
                assisted[1] - full.configurational_entropy_eV_per_K
            )
            / BOLTZMANN_EV_PER_K,
            "F_sampled_error_eV": free - full.free_energy_eV,
            "S_conf_sampled_error_kB": (entropy - full.configurational_entropy_eV_per_K)
            / BOLTZMANN_EV_PER_K,
            "overlap_sampled": weight_overlap(probabilities, self.probabilities()),
        }

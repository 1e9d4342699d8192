"""Random orders, subsets and densities of one set as rows of the sampling tables."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from confvib.errors import ThermodynamicsError
from confvib.stages.sampling_subject import Rows
from confvib.tables.sampling_contracts import SAMPLING_TESTS
from confvib.thermo.density_resampling import (
    Resampling,
    resampled_canonical,
    resampled_published,
    smoothing_log_Z,
)
from confvib.thermo.random_order import (
    RandomOrders,
    band,
    canonical_orders,
    horvitz_thompson,
    published_orders,
    subset_sizes,
)
from confvib.thermo.sparseness import Sparseness, sparseness
from confvib.units import BOLTZMANN_EV_PER_K

Row = dict[str, Any]
Values = NDArray[np.float64]
_OK = {"status": "ok", "reason": ""}


class Subject:
    """One level at one temperature, in both conventions, under random order.

    Args:
        canonical: Rows of the canonical convention.
        published: Rows of the published convention; None if no row stands for a class.
        temperature_K: Temperature.
        n_atoms: Atoms per cell.
        settings: Section ``sampling``.
        seed: Seed of the campaign: equal orders at every temperature.
    """

    def __init__(
        self,
        canonical: Rows,
        published: Rows | None,
        temperature_K: float,
        n_atoms: int,
        settings: Mapping[str, Any],
        seed: int,
    ) -> None:
        self._settings = settings
        self._canonical, self._published = canonical, published
        self._common = {"n_atoms": n_atoms, "seed": seed}
        self._n_atoms, self._T = n_atoms, temperature_K
        self._kT_eV = BOLTZMANN_EV_PER_K * temperature_K
        self.orders = dict(self._random_orders())

    def _random_orders(self) -> Iterator[tuple[str, RandomOrders]]:
        unscaled = canonical_orders(
            self._canonical.energy_eV,
            self._canonical.weights,
            self._T,
            sizes=self._sizes(self._canonical),
            n_orders=self._settings["orders"],
            **self._common,
        )
        yield "canonical", horvitz_thompson(unscaled, self._T, n_atoms=self._n_atoms)
        yield "canonical_unscaled", unscaled
        if self._published is not None:
            yield (
                "published",
                published_orders(
                    self._published.energy_eV,
                    self._T,
                    sizes=self._sizes(self._published),
                    n_orders=self._settings["orders"],
                    **self._common,
                ),
            )

    def _sizes(self, rows: Rows) -> list[int]:
        n = rows.energy_eV.size
        return subset_sizes(n, self._settings["points"], [n // 2, self._n_subset(n)])

    def _n_subset(self, n_rows: int) -> int:
        """Rows of the subset test: as configured, or a share of a smaller set."""
        if n_rows > self._settings["subset"]:
            return self._settings["subset"]
        return max(1, int(self._settings["subset_fraction"] * n_rows))

    def curves(self) -> Iterator[Row]:
        """Yield a row of ``sampling_curves`` per estimator and size, without its keys."""
        for estimator, orders in self.orders.items():
            bands = {
                "minus_TS": band(orders.minus_TS_eV_per_atom),
                "G": band(orders.G_eV_per_atom),
            }
            for k, size in enumerate(orders.sizes):
                yield {
                    "estimator": estimator,
                    "n_rows": orders.n_rows,
                    "n_subset": int(size),
                    "n_orders": len(orders.G_eV_per_atom),
                    **{
                        f"{quantity}_{name}_eV_per_atom": float(getattr(found, name)[k])
                        for quantity, found in bands.items()
                        for name in ("mean", "median", "p05", "p95")
                    },
                    **_OK,
                }

    def tests(self) -> Iterator[Row]:
        """Yield the rows of ``sampling_tests``, without their keys."""
        for estimator, orders in self.orders.items():
            n, m = orders.n_rows, self._n_subset(orders.n_rows)
            minus_TS, G = orders.at(m)
            row = self._compared("subset", estimator, minus_TS, G)
            yield row | {"relative_error_expected": self._subset_error(estimator, n, m)}
        for estimator, rows in (
            ("canonical", self._canonical),
            ("published", self._published),
        ):
            if rows is not None:
                yield self._density(estimator, rows)

    def verdict(self) -> Sparseness:
        """Judge the canonical rows."""
        return sparseness(
            self._canonical.energy_eV,
            self._canonical.weights,
            self._T,
            n_atoms=self._n_atoms,
            halves=self.orders["canonical"],
            max_share=self._settings["max_share"],
            tolerance_kT=self._settings["tolerance_kT"],
        )

    def _full(self, estimator: str) -> tuple[float, float]:
        orders = self.orders[estimator]
        minus_TS, G = orders.at(orders.n_rows)
        return float(minus_TS[0]), float(G[0])

    def _subset_error(self, estimator: str, n: int, m: int) -> float | None:
        """Return the relative error of -TS that the number of rows alone makes."""
        if estimator == "canonical":
            return 0.0
        if estimator == "published":
            return float(np.log(m) / np.log(n)) - 1
        full, _ = self._full(estimator)
        missing_eV = -self._kT_eV * float(np.log(n / m)) / self._n_atoms
        return -missing_eV / full if full else None

    def _density(self, estimator: str, rows: Rows) -> Row:
        n = rows.energy_eV.size
        asked = {
            "n_subset": self._n_subset(n),
            "n_repeats": self._settings["densities"],
            **self._common,
        }
        try:
            found = (
                resampled_published(rows.energy_eV, self._T, **asked)
                if estimator == "published"
                else resampled_canonical(rows.energy_eV, rows.weights, self._T, **asked)
            )
        except ThermodynamicsError as error:
            blank = dict.fromkeys(column.name for column in SAMPLING_TESTS.columns)
            named = {"test": "density", "estimator": estimator, "n_rows": n}
            return blank | named | {"status": "failed", "reason": str(error)}
        row = self._compared(
            "density", estimator, found.minus_TS_eV_per_atom, found.G_eV_per_atom
        )
        return row | self._smoothing(estimator, found)

    def _smoothing(self, estimator: str, found: Resampling) -> Row:
        row: Row = {"bandwidth_eV": float(found.bandwidth_eV.mean())}
        if estimator == "published":
            return row | {"relative_error_expected": 0.0}
        expected = float(smoothing_log_Z(found.bandwidth_eV, self._T).mean())
        full, _ = self._full(estimator)
        # F falls by it, <a> by twice as much: -TS rises.
        raised_eV = self._kT_eV * expected / self._n_atoms
        return row | {
            "relative_error_expected": raised_eV / full if full else None,
            "log_Z_shift": float(found.log_Z_shift.mean()),
            "log_Z_shift_expected": expected,
        }

    def _compared(self, test: str, estimator: str, minus_TS: Values, G: Values) -> Row:
        """Return a row with values of a test next to those of the whole set."""
        n = self.orders[estimator].n_rows
        full_minus_TS, full_G = self._full(estimator)
        relative = minus_TS / full_minus_TS - 1 if full_minus_TS else None
        over_kT = self._n_atoms * (G - full_G) / self._kT_eV
        return {
            **dict.fromkeys(column.name for column in SAMPLING_TESTS.columns),
            "test": test,
            "estimator": estimator,
            "n_rows": n,
            "n_subset": self._n_subset(n),
            "n_repeats": minus_TS.size,
            "minus_TS_full_eV_per_atom": full_minus_TS,
            "minus_TS_eV_per_atom": float(minus_TS.mean()),
            **_quantiles("relative_error{}", relative),
            "G_full_eV_per_atom": full_G,
            "G_eV_per_atom": float(G.mean()),
            **_quantiles("G_error{}_over_kT", over_kT),
            **_OK,
        }


def _quantiles(pattern: str, values: Values | None) -> Row:
    """Return mean, 5 % and 95 % quantile under their columns; null without values."""
    names = [pattern.format(which) for which in ("", "_p05", "_p95")]
    if values is None:
        return dict.fromkeys(names)
    p05, p95 = np.quantile(values, [0.05, 0.95])
    return dict(zip(names, (float(values.mean()), float(p05), float(p95)), strict=True))

"""Stage ``average_spectra``: mean and spread of the spectra of a set."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from confvib.errors import SumRuleError, TableError
from confvib.stages.job import Progress
from confvib.stages.spectra_rows import (
    ChunkRows,
    ChunkSpectra,
    Source,
    read_chunk,
    read_modes,
    read_runs,
    read_standing,
)
from confvib.tables.parquet import write_table
from confvib.tables.provenance import collect
from confvib.tables.spectra_contracts import AVERAGED_SPECTRA
from confvib.thermo.checks import trapezoid_weights
from confvib.thermo.harmonic import require_sum_rule
from confvib.thermo.spectral_average import (
    SpectralAverage,
    WeightedMoments,
    published_log_weights,
)

Row = dict[str, Any]
Floats = NDArray[np.float64]

WEIGHTINGS = ("uniform", "canonical", "published")
SOURCES = ("md", "harmonic")
_SUM_RULE_RTOL = 2e-2
_NO_PARTS = "frequencies do not say which element moves in a mode"


@dataclass
class Tally:
    """One average in the making.

    Attributes:
        moments: Sums over the rows so far; None before the first.
        n_selected: Rows that the weighting is about.
        n_failed: Those without a spectrum.
        n_unweighted: Those with a spectrum and no weight.
        n_left_basin: Averaged rows whose ions left their sites.
    """

    moments: WeightedMoments | None = None
    n_selected: int = 0
    n_failed: int = 0
    n_unweighted: int = 0
    n_left_basin: int = 0

    def add(
        self, spectra: ChunkSpectra, log_weights: Floats, eligible: NDArray[np.bool_]
    ) -> None:
        """Take the rows of a chunk that are eligible and have a spectrum and a weight.

        Args:
            spectra: What the chunk has, m rows.
            log_weights: ln w of every row, NaN for none, shape ``(n,)``.
            eligible: Is the weighting about this row, shape ``(n,)``.
        """
        wanted = eligible[spectra.rows]
        log_w = log_weights[spectra.rows]
        used = wanted & np.isfinite(log_w)
        self.n_selected += int(eligible.sum())
        self.n_failed += int(eligible.sum() - wanted.sum())
        self.n_unweighted += int(wanted.sum() - used.sum())
        self.n_left_basin += int(spectra.left_basin[used].sum())
        if used.any():
            block = WeightedMoments.of(spectra.values[used], log_w[used])
            self.moments = self.moments.merged(block) if self.moments else block


@dataclass
class Averages:
    """All averages of a set, fed chunk by chunk.

    Attributes:
        set_name: The set.
        grid_THz: Common grid, shape ``(F,)``.
        tallies: By temperature, source and weighting.
        n_modes: 3N - 3; known after the first chunk.
        elements: Order of the parts; known after the first run.
    """

    set_name: str
    grid_THz: Floats
    tallies: dict[tuple[float, str, str], Tally]
    n_modes: int = 0
    elements: list[str] = field(default_factory=list)

    def add(
        self,
        temperature_K: float,
        source: str,
        chunk: ChunkRows,
        spectra: ChunkSpectra,
        canonical: Floats,
    ) -> None:
        """Take the spectra of a chunk into the averages of all three weightings.

        Args:
            temperature_K: Temperature of runs and weights.
            source: ``md`` or ``harmonic``.
            chunk: Its rows.
            spectra: Its spectra.
            canonical: Logarithms of the canonical weights, shape ``(n,)``.

        Raises:
            TableError: The parts are in another order than those of earlier chunks.
        """
        if self.elements and spectra.elements and spectra.elements != self.elements:
            raise TableError(
                f"{chunk.config_ids[0]} and the rows after it: elements "
                f"{spectra.elements}, expected {self.elements} as in earlier chunks"
            )
        published = np.full(len(chunk.config_ids), np.nan)
        if spectra.rows.size:
            published[spectra.rows] = published_log_weights(
                spectra.energy_eV, temperature_K, n_atoms=chunk.n_atoms
            )
        everyone = np.ones(len(chunk.config_ids), dtype=bool)
        for weighting, log_w, eligible in (
            ("uniform", np.zeros(len(chunk.config_ids)), everyone),
            ("canonical", canonical, everyone),
            ("published", published, chunk.representative),
        ):
            self.tallies[temperature_K, source, weighting].add(spectra, log_w, eligible)
        self.n_modes = 3 * chunk.n_atoms - 3
        self.elements = self.elements or spectra.elements

    def rows(self) -> Iterator[Row]:
        """Yield the rows of the table."""
        for (temperature_K, source, weighting), tally in self.tallies.items():
            row = {
                **dict.fromkeys(column.name for column in AVERAGED_SPECTRA.columns),
                "set": self.set_name,
                "temperature_K": temperature_K,
                "source": source,
                "weighting": weighting,
                "n_selected": tally.n_selected,
                "n_used": tally.moments.n if tally.moments else 0,
                "n_failed": tally.n_failed,
                "n_unweighted": tally.n_unweighted,
                "n_left_basin": tally.n_left_basin,
            }
            if tally.moments is None:
                reason = (
                    f"no usable row: of {tally.n_selected} selected {tally.n_failed} "
                    f"have no spectrum and {tally.n_unweighted} no weight"
                )
                yield row | {"element": "total", "status": "failed", "reason": reason}
                continue
            yield from self._rows(row, tally.moments.average())

    def _rows(self, row: Row, average: SpectralAverage) -> Iterator[Row]:
        """Yield total and parts of one average."""
        parts = [] if row["source"] == "harmonic" else self.elements
        head = average.mean.size - self.grid_THz.size * (1 + len(parts))
        row["ess"] = average.ess
        if row["source"] == "md":
            row["temperature_measured_K"] = float(average.mean[1])
            row["temperature_measured_deviation_K"] = float(average.deviation[1])
        lists = {
            "mean_per_THz": average.mean,
            "deviation_per_THz": average.deviation,
            "printed_deviation_per_THz": average.printed_deviation,
        }
        if row["weighting"] != "published":
            del lists["printed_deviation_per_THz"]
        grid = self.grid_THz
        for number, element in enumerate(["total", *parts]):
            at = slice(head + number * grid.size, head + (number + 1) * grid.size)
            found = row | {name: values[at].tolist() for name, values in lists.items()}
            found |= {
                "element": element,
                "frequency_THz": grid.tolist(),
                "area": float(trapezoid_weights(grid) @ average.mean[at]),
            }
            if element == "total":
                found |= {
                    "area_below": float(average.mean[0]),
                    "n_modes": self.n_modes,
                }
                yield found | self._verdict(found)
            else:
                yield found | {"status": "ok", "reason": ""}
        if row["source"] == "harmonic":
            for element in self.elements:
                yield row | {
                    "element": element,
                    "status": "unavailable",
                    "reason": _NO_PARTS,
                }

    def _verdict(self, total: Row) -> Row:
        """Say whether the mean counts the modes it must."""
        try:
            require_sum_rule(
                total["area"] + total["area_below"], self.n_modes, _SUM_RULE_RTOL
            )
        except SumRuleError as error:
            reason = f"{error}; dynamics.spectrum.max_frequency_THz ends the grid"
            return {"status": "failed", "reason": reason}
        return {"status": "ok", "reason": ""}


def average_spectra(
    inputs: Mapping[str, Sequence[str]],
    output: str,
    set_name: str,
    params: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Average the spectra of runs and of modes over a set, a chunk at a time.

    Args:
        inputs: Paths of the ``configurations``, ``relaxed``, ``harmonic`` and
            ``dynamics`` tables of one set, the last temperature by temperature.
        output: The ``averaged_spectra`` table to write.
        set_name: Name of the set.
        params: Parameters of the rule.
        progress: Where to report.
    """
    started = time.monotonic()
    sources: dict[str, list[Source]] = {
        kind: list(zip(paths, params["expected"][kind], strict=True))
        for kind, paths in inputs.items()
    }
    temperatures_K, settings = params["temperatures_K"], params["settings"]
    step_THz = settings["bin_THz"]
    n_points = round(settings["max_frequency_THz"] / step_THz)
    averages = Averages(
        set_name,
        step_THz * np.arange(1, n_points + 1),
        {key: Tally() for key in product(temperatures_K, SOURCES, WEIGHTINGS)},
    )
    standing = read_standing(sources["configurations"][0], params["equivalence"])
    n_chunks = len(sources["relaxed"])
    for number in range(n_chunks):
        chunk = read_chunk(sources["relaxed"][number], standing)
        if not chunk.config_ids:
            continue
        modes, canonical = read_modes(
            sources["harmonic"][number],
            chunk,
            averages.grid_THz,
            settings["resolution_THz"],
            temperatures_K,
        )
        for at, temperature_K in enumerate(temperatures_K):
            weights = canonical[temperature_K]
            runs = read_runs(
                sources["dynamics"][at * n_chunks + number], chunk, averages.grid_THz
            )
            averages.add(temperature_K, "md", chunk, runs, weights)
            averages.add(temperature_K, "harmonic", chunk, modes, weights)
        progress.update(number + 1, n_chunks, "chunks")
    provenance = collect(
        params["config_hash"],
        started=started,
        inputs=[path for paths in inputs.values() for path in paths],
        equivalence=params["equivalence"],
    )
    write_table(output, AVERAGED_SPECTRA, averages.rows(), provenance)

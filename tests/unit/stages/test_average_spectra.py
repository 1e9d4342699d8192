"""Averaged spectra of a made-up campaign against sums over all rows in memory."""

import io
import re
import time

import numpy as np
import pytest

from confvib.errors import TableError
from confvib.stages.average_spectra import average_spectra
from confvib.stages.job import Progress
from confvib.stages.plot_pdos import plot_pdos
from confvib.tables.contracts import DYNAMICS, HARMONIC, RELAXED
from confvib.tables.parquet import read_table, write_table
from confvib.tables.provenance import collect
from confvib.tables.spectra_contracts import AVERAGED_SPECTRA
from confvib.thermo.harmonic import harmonic_from_modes
from confvib.thermo.line_spectrum import line_spectrum
from confvib.units import BOLTZMANN_EV_PER_K

SPECTRUM = {"bin_THz": 0.5, "max_frequency_THz": 40, "resolution_THz": 0.6}
GRID = 0.5 * np.arange(1, 81)
ELEMENTS = ["O", "La"]
T = 300.0
KT_EV = BOLTZMANN_EV_PER_K * T
SPECTRA = {"relaxed": RELAXED, "harmonic": HARMONIC, "dynamics": DYNAMICS}


def parts(rank):
    """A spectrum of nine modes, six of oxygen, shifted from row to row."""
    oxygen = np.exp(-0.5 * ((GRID - 12 - 0.3 * rank) / 2) ** 2)
    lanthanum = np.exp(-0.5 * ((GRID - 5 - 0.1 * rank) / 1) ** 2)
    return np.array(
        [
            6 * oxygen / np.trapezoid(oxygen, GRID),
            3 * lanthanum / np.trapezoid(lanthanum, GRID),
        ]
    )


@pytest.fixture
def spectral(campaign):
    """The campaign with spectra in its runs; ``failed`` names runs without one."""
    plain = campaign._dynamics
    campaign.failed = set()
    campaign.grid_THz = GRID
    campaign.other_order = set()

    def runs():
        for rank, row in zip(campaign.selected, plain(), strict=True):
            if rank in campaign.failed:
                yield row | {"status": "failed", "reason": "it diverged"}
                continue
            yield row | {
                "temperature_measured_K": T + rank,
                "frequency_THz": campaign.grid_THz.tolist(),
                "dos_per_THz": parts(rank).sum(axis=0).tolist(),
                "elements": ELEMENTS[::-1] if rank in campaign.other_order else ELEMENTS,
                "dos_by_element_per_THz": parts(rank).ravel().tolist(),
                "zero_frequency_weight": 0.01 * rank,
            }

    campaign._dynamics = runs
    return campaign


def averaged(campaign, n_chunks=1, **changes):
    inputs, expected = campaign.write()
    for kind, schema in SPECTRA.items():
        table = read_table(inputs[kind][0], schema).to_pylist()
        inputs[kind] = []
        for number, rows in enumerate(np.array_split(np.arange(len(table)), n_chunks)):
            path = campaign.folder / f"{kind}-{number}.parquet"
            provenance = collect("hash", started=time.monotonic())
            write_table(path, schema, [table[row] for row in rows], provenance)
            inputs[kind].append(str(path))
        expected[kind] = ["hash"] * n_chunks
    output = campaign.folder / "spectra.parquet"
    params = {
        "settings": SPECTRUM,
        "temperatures_K": [T],
        "equivalence": "symmetry",
        "config_hash": "out",
        "expected": expected,
    }
    average_spectra(
        inputs, str(output), "6_2", params | changes, Progress("test", io.StringIO())
    )
    table = read_table(output, AVERAGED_SPECTRA, "out").to_pylist()
    return {(row["source"], row["weighting"], row["element"]): row for row in table}


def free_energy_eV(campaign, rank):
    modes = campaign.frequencies_THz * (1 + 0.01 * rank)
    F_q = harmonic_from_modes(modes, [T]).free_energy_eV[0]
    return campaign.energies_eV[rank] + F_q


def weights(campaign, weighting, ranks):
    if weighting == "uniform":
        return np.ones(len(ranks))
    if weighting == "published":
        per_atom = np.array([campaign.energies_eV[rank] / 4 for rank in ranks])
        return np.exp(-(per_atom - per_atom.min()) / KT_EV)
    a = np.array([free_energy_eV(campaign, rank) for rank in ranks])
    g = np.array([campaign.multiplicity[rank] for rank in ranks])
    return g * np.exp(-(a - a.min()) / KT_EV)


def moments(spectra, w):
    p = w / w.sum()
    mean = p @ spectra
    return mean, np.sqrt(p @ (spectra - mean) ** 2), 1 / np.sum(p**2)


@pytest.mark.parametrize("n_chunks", [1, 3, 6])
@pytest.mark.parametrize("weighting", ["uniform", "canonical", "published"])
def test_chunks_give_what_all_rows_in_memory_give(spectral, weighting, n_chunks):
    rows = averaged(spectral, n_chunks)
    # Row 2 has the fingerprint of row 1, which represents both.
    ranks = [0, 1, 4] if weighting == "published" else [0, 1, 2, 4]
    w = weights(spectral, weighting, ranks)
    for number, element in enumerate(["total", *ELEMENTS]):
        spectra = np.array(
            [[parts(rank).sum(axis=0), *parts(rank)][number] for rank in ranks]
        )
        mean, deviation, ess = moments(spectra, w)
        row = rows["md", weighting, element]
        assert row["mean_per_THz"] == pytest.approx(mean)
        assert row["deviation_per_THz"] == pytest.approx(deviation)
        assert (row["n_selected"], row["n_used"]) == (len(ranks), len(ranks))
        assert row["ess"] == pytest.approx(ess)
        assert row["area"] == pytest.approx([9, 6, 3][number])
        assert row["status"] == "ok"
    measured = moments(T + np.array(ranks)[:, None], w)
    total = rows["md", weighting, "total"]
    assert total["temperature_measured_K"] == pytest.approx(measured[0][0])
    assert total["temperature_measured_deviation_K"] == pytest.approx(measured[1][0])
    assert total["area_below"] == pytest.approx(w @ (0.01 * np.array(ranks)) / w.sum())
    lines = [
        line_spectrum(spectral.frequencies_THz * (1 + 0.01 * rank), GRID, 0.6)[0]
        for rank in ranks
    ]
    harmonic = rows["harmonic", weighting, "total"]
    mean, deviation, _ = moments(np.array(lines), w)
    assert harmonic["mean_per_THz"] == pytest.approx(mean)
    assert harmonic["deviation_per_THz"] == pytest.approx(deviation)
    assert harmonic["area"] + harmonic["area_below"] == pytest.approx(9, rel=1e-9)
    assert harmonic["temperature_measured_K"] is None


def test_only_published_averages_have_the_printed_deviation(spectral):
    rows = averaged(spectral)
    for (source, weighting, element), row in rows.items():
        has = weighting == "published" and (source, element != "total") != (
            "harmonic",
            True,
        )
        assert (row["printed_deviation_per_THz"] is not None) is has
    row = rows["md", "published", "total"]
    ratio = np.array(row["printed_deviation_per_THz"]) / np.array(row["mean_per_THz"])
    assert ratio.min() >= (1 - 1 / 3) * (1 - 1e-9)
    assert ratio.max() <= np.sqrt(1 - 1 / 3) * (1 + 1e-9)


def test_modes_have_no_parts_and_say_so(spectral):
    row = averaged(spectral)["harmonic", "canonical", "La"]
    assert (row["status"], row["mean_per_THz"]) == ("unavailable", None)
    assert row["reason"] == "frequencies do not say which element moves in a mode"


def test_rows_without_spectrum_or_weight_are_counted_and_left_out(spectral):
    spectral.failed = {0}
    spectral.harmonic_status = {1: "imaginary_modes"}
    spectral.left_basin, spectral.n_moved = {2}, {4: 1}
    rows = averaged(spectral, 3)
    counts = {
        key[:2]: [row[f"n_{name}"] for name in ("selected", "used", "failed")]
        + [row["n_unweighted"], row["n_left_basin"]]
        for key, row in rows.items()
        if key[2] == "total"
    }
    assert counts == {
        ("md", "uniform"): [4, 3, 1, 0, 2],
        ("md", "canonical"): [4, 2, 1, 1, 2],
        ("md", "published"): [3, 2, 1, 0, 1],
        ("harmonic", "uniform"): [4, 3, 1, 0, 1],
        ("harmonic", "canonical"): [4, 3, 1, 0, 1],
        ("harmonic", "published"): [3, 2, 1, 0, 1],
    }
    w = weights(spectral, "canonical", [2, 4])
    expected = moments(np.array([parts(2).sum(axis=0), parts(4).sum(axis=0)]), w)[0]
    found = rows["md", "canonical", "total"]["mean_per_THz"]
    assert found == pytest.approx(expected)


def test_a_representative_carries_the_weight_of_its_class(spectral):
    spectral.selected = (0, 1, 4)
    spectral.energies_eV.pop(2)
    row = averaged(spectral, equivalence="pair_distances")["md", "canonical", "total"]
    w = weights(spectral, "canonical", [0, 1, 4]) * [1, 2, 1]
    spectra = np.array([parts(rank).sum(axis=0) for rank in (0, 1, 4)])
    assert row["mean_per_THz"] == pytest.approx(moments(spectra, w)[0])


def test_no_hessian_means_no_canonical_average_and_the_figure_says_so(spectral):
    spectral.harmonic_status = dict.fromkeys(spectral.selected, "imaginary_modes")
    rows = averaged(spectral, 2)
    row = rows["md", "canonical", "total"]
    assert (row["status"], row["mean_per_THz"]) == ("failed", None)
    assert row["reason"] == (
        "no usable row: of 4 selected 0 have no spectrum and 4 no weight"
    )
    assert rows["md", "uniform", "total"]["status"] == "ok"
    figure = spectral.folder / "pdos.svg"
    plot_pdos(str(spectral.folder / "spectra.parquet"), str(figure))
    assert "300 K, each row once: 4 rows" in figure.read_text()


def test_no_runs_at_all(spectral):
    spectral.failed = set(spectral.selected)
    rows = averaged(spectral)
    assert rows["md", "uniform", "total"]["reason"] == (
        "no usable row: of 4 selected 4 have no spectrum and 0 no weight"
    )
    assert rows["harmonic", "canonical", "total"]["status"] == "ok"


def test_modes_beyond_the_grid_are_a_finding(spectral):
    spectral.frequencies_THz = np.linspace(20.0, 60.0, 9)
    row = averaged(spectral)["harmonic", "uniform", "total"]
    assert row["status"] == "failed"
    assert re.fullmatch(
        r"density of states counts 4\.\d+ modes, expected 9 within 0.02 "
        r"\(deviation -\d+\.\d+%\); dynamics.spectrum.max_frequency_THz ends the grid",
        row["reason"],
    )


def test_runs_on_another_grid_are_refused(spectral):
    spectral.grid_THz = 2 * GRID
    with pytest.raises(TableError, match="has 80 points up to 80 THz, expected 80 up to"):
        averaged(spectral)


@pytest.mark.parametrize(
    ("n_chunks", "message"),
    [
        (
            1,
            r"6_2-00000004: elements \['La', 'O'\], expected \['O', 'La'\] as in 6",
        ),
        (4, r"6_2-00000004 and the rows after it: elements \['La', 'O'\], expected"),
    ],
)
def test_parts_in_another_order_are_refused(spectral, n_chunks, message):
    spectral.other_order = {4}
    with pytest.raises(TableError, match=message):
        averaged(spectral, n_chunks)

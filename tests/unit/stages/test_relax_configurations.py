"""Relaxed arrangements of La2O3 carry the name of what their ions sit on."""

import io
from pathlib import Path

import numpy as np
import pytest
import yaml

from confvib.campaign.config import load_campaign
from confvib.campaign.digest import plain
from confvib.campaign.identity import Identities
from confvib.crystal.arrangement import ArrangementNames
from confvib.crystal.configuration import unpack_occupancy
from confvib.stages.enumerate_configurations import enumerate_configurations
from confvib.stages.job import Progress
from confvib.stages.relax_configurations import relax_configurations
from confvib.stages.selection import parent_of
from confvib.tables.contracts import CONFIGURATIONS, RELAXED
from confvib.tables.parquet import read_table

ROOT = Path(__file__).parents[3]
SET = "6_8"


def merged(base, overlay):
    if not (isinstance(base, dict) and isinstance(overlay, dict)):
        return overlay
    return base | {key: merged(base.get(key), value) for key, value in overlay.items()}


@pytest.fixture(scope="module")
def campaign():
    raw = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    raw = merged(raw, yaml.safe_load((ROOT / "tests/toy/toy.yaml").read_text()))
    whole = {"sets": {SET: {"sample": None, "chunks": 1}}}
    return load_campaign(merged(raw, whole), ROOT)


@pytest.fixture(scope="module")
def tables(campaign, tmp_path_factory):
    """Enumerate and relax; return both tables as rows."""
    folder = tmp_path_factory.mktemp("toy")
    identity, progress = Identities(campaign, ROOT), Progress("toy", io.StringIO())
    structure = str(ROOT / campaign.crystal.structure)
    crystal = plain(campaign.crystal, "structure")
    paths = [str(folder / name) for name in ("configurations.parquet", "relaxed.parquet")]
    config_hash = identity.configurations(SET)
    enumerate_configurations(
        structure=structure,
        output=paths[0],
        set_name=SET,
        params={
            "crystal": crystal,
            "counts": campaign.sets[SET].model_dump(mode="json")["counts"],
            "draw": None,
            "imported": None,
            "seed": campaign.seed,
            "config_hash": config_hash,
        },
        progress=progress,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONFVIB_JAX_CACHE", str(folder / "cache"))
        relax_configurations(
            structure,
            paths[0],
            None,
            paths[1],
            {
                "restart": str(folder / "restart.parquet"),
                "crystal": crystal,
                "engine": identity.engine(),
                "settings": plain(campaign.relaxation) | {"fmax_eV_per_A": 0.005},
                "slice": identity.slice_of(SET, "0000"),
                "seed": campaign.seed,
                "config_hash": "relaxed",
                "expected": {
                    "configurations": config_hash,
                    "model": identity.potential("reference"),
                },
                "code": "as it is",
            },
            3,
            progress,
        )
    configurations = read_table(paths[0], CONFIGURATIONS, config_hash).to_pylist()
    return configurations, read_table(paths[1], RELAXED, "relaxed").to_pylist()


@pytest.mark.slow
def test_the_name_of_the_end_says_who_stayed(campaign, tables):
    configurations, relaxed = tables
    parent = parent_of(
        str(ROOT / campaign.crystal.structure), plain(campaign.crystal, "structure")
    )
    names = ArrangementNames.of(parent, campaign.crystal.split_site_A)
    started = unpack_occupancy(
        [row["occupancy"] for row in configurations], len(parent.sites)
    )
    start_names = [names.name(np.flatnonzero(row)) for row in started]
    assert len(set(start_names)) == 3
    assert [row["status"] for row in relaxed] == ["ok"] * 3
    for row, start in zip(relaxed, start_names, strict=True):
        # Ions that stayed leave the name as it was; any other end has another one.
        assert (row["end_arrangement"] == start) == (row["n_moved"] == 0)
        ended = unpack_occupancy([row["site_occupancy"]], len(parent.sites))[0]
        assert row["end_arrangement"] == names.name(np.flatnonzero(ended))

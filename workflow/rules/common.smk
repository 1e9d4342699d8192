# Validated configuration, names and hashes that the other rule files use.
from pathlib import Path

from ase.formula import Formula
from snakemake.exceptions import WorkflowError

from confvib.campaign.accuracy_identity import (
    accuracy_chunks,
    accuracy_hash,
    accuracy_inputs,
    n_labelled,
)
from confvib.campaign.companions import (
    companions,
    is_companion,
    phases_of,
    trained_for,
)
from confvib.campaign.composition import group_counts
from confvib.campaign.config import load_campaign
from confvib.campaign.dataset_identity import (
    dataset_bounds,
    dataset_hash,
    dataset_of,
)
from confvib.campaign.digest import plain
from confvib.campaign.engine_identity import (
    engine_energies,
    engine_named,
    engine_tables,
)
from confvib.campaign.engine_settings import (
    CAMPAIGN_ENGINE,
    definition,
    environment,
    launch,
)
from confvib.campaign.fingerprint import code_fingerprint
from confvib.campaign.identity import Identities
from confvib.campaign.label_settings import NO_EFFECT_ON_LABELS
from confvib.campaign.library_path import expose_library
from confvib.campaign.names import (
    chunk_names,
    chunk_slice,
    label_chunks,
    label_slice,
    set_chunks,
)
from confvib.campaign.phase_identity import (
    atoms_per_formula,
    comparison,
    phase_stability,
    whole_set,
)
from confvib.campaign.sampling_identity import (
    sampling_sets,
    sampling_settings,
    sampling_tables,
)
from confvib.campaign.spectra_identity import averaged_spectra, spectra_inputs
from confvib.campaign.surrogate_identity import (
    surrogate_inputs,
    surrogate_kinds,
    surrogate_predictions,
    surrogate_validation,
)
from confvib.campaign.variants import POTENTIALS, SWEEPS, sweep_points
from confvib.errors import ConfigError

ROOT = Path(workflow.basedir)

try:
    CFG = load_campaign(config, ROOT)
    ID = Identities(CFG, ROOT)
    COMPANIONS = companions(config, CFG, ID, ROOT)
except ConfigError as mistake:
    # One message, no traceback: the mistake is in the configuration, not in the code.
    raise WorkflowError(str(mistake)) from None

RESULTS = f"results/{CFG.campaign}"
LOGS = f"{RESULTS}/logs"
TIMES = f"{RESULTS}/times"
SETS = list(CFG.sets)
MODELS = trained_for(CFG)  # those that drive the campaign; ID.variants holds all
TASKS = list(CFG.labels.tasks())
# How VASP is run: resources, because they make no label stale.
LAUNCH = CFG.labels.vasp.launch() if CFG.labels.engine == "vasp" else {}
LEVELS = ["conf", "conf+harmonic", "conf+md"]

# Jobs that run in a conda environment or on another node find the library here.
expose_library(ROOT / "src")


wildcard_constraints:
    set="|".join([*SETS, "all"]),
    chunk="[0-9]{4}",
    model="|".join(ID.variants),
    potential="|".join(POTENTIALS),
    selection="|".join([*POTENTIALS, *SWEEPS]),
    sweep="|".join(SWEEPS),
    task="|".join(TASKS),
    temperature="[0-9.]+",
    level="|".join(level.replace("+", "[+]") for level in LEVELS),
    engine="[A-Za-z0-9][A-Za-z0-9_-]*",


def code(stage):
    """Fingerprint of all library code that a stage runs."""
    return code_fingerprint(f"confvib.stages.{stage}")


def temperature_name(temperature_K):
    """300.0 -> '300': what stands in a path."""
    return f"{temperature_K:g}"


def chunks_of(set_name):
    """(set, chunk) pairs of one set, or of every set for 'all'."""
    names = SETS if set_name == "all" else [set_name]
    return [(name, chunk) for name in names for chunk in set_chunks(CFG, name)]


def imported_table(set_name):
    """The table that a set is imported from; nothing if it is enumerated or drawn."""
    table = CFG.sets[set_name].imported
    return str(ROOT / table) if table else ""


def section_of(target):
    """The section of a target beside the campaign."""
    if getattr(CFG, target) is None:
        raise WorkflowError(f"the configuration has no section {target!r}")
    return getattr(CFG, target)


def model_of(stage):
    """The checkpoint that drives a stage; nothing if the reference itself does."""
    potential = section_of(stage).potential
    if potential == "reference":
        return []
    if potential in CFG.models:
        return str(CFG.models[potential].path)
    return f"{RESULTS}/models/{potential}/model.msgpack"


def category(title):
    """A category of the report, which names the phase if this is not the main one."""
    return f"{title} ({CFG.campaign.split('/')[1]})" if is_companion(CFG) else title


def chunk_files(kind):
    """Input function: the files of one kind of all chunks of wildcards.set."""
    return lambda wildcards: [
        f"{RESULTS}/{kind}/{name}/{chunk}.parquet"
        for name, chunk in chunks_of(wildcards.set)
    ]


def dynamics_files(wildcards):
    """The dynamics chunks of wildcards.set at every temperature."""
    return [
        f"{RESULTS}/dynamics/{name}/{temperature_name(t)}K/{chunk}.parquet"
        for t in CFG.dynamics.temperatures_K
        for name, chunk in chunks_of(wildcards.set)
    ]


def committee_models(wildcards):
    """The checkpoints that score relaxed cells, the one that relaxed them first."""
    members = ID.committee_members()
    if not members:
        name = CFG.relaxation.potential
        settings = getattr(CFG.potentials, name, None)
        found = (
            f"relaxation.potential = {name!r}"
            if settings is None
            else f"potentials.{name}.committee = {settings.committee}"
        )
        raise WorkflowError(
            f"{found}: no committee relaxed these cells; expected 2 members or more"
        )
    return [f"{RESULTS}/models/{member}/model.msgpack" for member in members]


def committee_files(wildcards):
    """The committee chunks of wildcards.set; none without a committee."""
    if not ID.committee_members():
        return []
    return chunk_files("committee")(wildcards)


def elements():
    """Chemical symbols of the crystal."""
    return sorted(Formula(CFG.crystal.formula).count())


def label_files(task):
    """The label tables of one task."""
    if task not in TASKS:
        raise WorkflowError(f"the configuration has no section labels.{task}")
    return [
        f"{RESULTS}/labels/{task}/{chunk}.parquet" for chunk in label_chunks(CFG, task)
    ]


def labels_of(model):
    """Every label file that a force field learns from."""
    return [
        path
        for source in ID.variants[model].settings.labels
        for path in (
            [str(ROOT / CFG.labels.imported[source])]
            if source in CFG.labels.imported
            else label_files(source)
        )
    ]


def selection_of(wildcards):
    """The table of a force field's training frames; nothing if they are drawn."""
    table = ID.variants[wildcards.model].selection
    return f"{RESULTS}/selections/{table}.parquet" if table else []


def dataset_table(model):
    """The data set that a force field learns from."""
    name = dataset_of(CFG, ID.variants[model].settings)
    return f"{RESULTS}/datasets/{name}.parquet"


def dataset_hashes(model):
    """The hashes that a data set and the labels in it, in their order, must carry."""
    return {"dataset": dataset_hash(ID, model), "labels": ID.label_hashes(model)}


def training_hashes(wildcards):
    """The hashes that a training's labels, data set and selection must carry."""
    table = ID.variants[wildcards.model].selection
    return {
        **dataset_hashes(wildcards.model),
        "selection": ID.selection(table) if table else "",
    }


def points_of(sweep):
    """The trainings of a sweep, in the order of its section."""
    section_of(sweep)
    return sweep_points(CFG, sweep)


def crosscheck_names():
    """Name of each configuration of the cross-check."""
    return chunk_names(section_of("crosscheck").configurations)


def crosscheck_relaxed(wildcards):
    """The relaxed chunks that hold the configurations of the cross-check."""
    name = section_of("crosscheck").set
    return [
        f"{RESULTS}/relaxed/{name}/{chunk}.parquet" for chunk in ID.crosscheck_chunks()
    ]


def crosscheck_hashes(wildcards):
    """The hashes that the inputs of the cross-check must carry."""
    section = section_of("crosscheck")
    return {
        "relaxed": [ID.relaxed(section.set, chunk) for chunk in ID.crosscheck_chunks()],
        "model": ID.potential(section.potential),
    }


def surrogate_files(kind):
    """Input function: the files of one kind that the surrogate's levels need."""

    def files(wildcards):
        section = section_of("surrogate")
        if kind not in surrogate_kinds(section):
            return []
        if kind == "configurations":
            return [f"{RESULTS}/configurations/{section.set}.parquet"]
        folders = (
            [f"{temperature_name(t)}K/" for t in CFG.dynamics.temperatures_K]
            if kind == "dynamics"
            else [""]
        )
        return [
            f"{RESULTS}/{kind}/{section.set}/{folder}{chunk}.parquet"
            for folder in folders
            for chunk in set_chunks(CFG, section.set)
        ]

    return files


def sampling_files(kind):
    """The files of one kind of all sets whose sampling is tested."""
    return [
        f"{RESULTS}/sampling/{kind}/{name}.parquet"
        for name in sampling_sets(CFG, section_of("sampling"))
    ]


def sampling_figures(wildcards):
    """The figures of the sampling target."""
    section = section_of("sampling")
    return [
        f"{RESULTS}/figures/sampling_{name}_{level}.svg"
        for name in sampling_sets(CFG, section)
        for level in section.levels
    ]


def accuracy_files(kind, companion=""):
    """Input function: the files of one kind of one road of the accuracy."""

    def files(wildcards):
        section = section_of("accuracy")
        section_of("exact")
        folder = f"{RESULTS}/{companion}{kind}"
        if kind == "configurations":
            return [f"{folder}/{section.set}.parquet"]
        chunks = accuracy_chunks(CFG, section)
        return [f"{folder}/{section.set}/{chunk}.parquet" for chunk in chunks]

    return files


def accuracy_road(companion=""):
    """The hashes that the files of one road of the accuracy must carry."""
    section = section_of("accuracy")
    identities = ID
    if companion:
        identities = Identities(load_campaign(COMPANIONS[companion], ROOT), ROOT)
    return accuracy_inputs(section, accuracy_chunks(CFG, section), identities)


def compared_engine(wildcards):
    """The section of one engine of the comparison."""
    section = section_of("engine_comparison")
    if wildcards.engine not in section.names:
        raise WorkflowError(
            f"engine_comparison.engines: no engine {wildcards.engine!r}, expected one "
            f"of {list(section.names)}"
        )
    return engine_named(wildcards.engine, CFG, section)


def engine_checked(wildcards):
    """What VASP was found to need, where it is the campaign's own engine."""
    own = wildcards.engine == CAMPAIGN_ENGINE and CFG.labels.engine == "vasp"
    return rules.check_engine.output.found if own else []


def engine_launch(key):
    """Resource function: how an engine's job runs VASP."""
    return lambda wildcards: launch(compared_engine(wildcards))[f"vasp_{key}"]


def engine_files(wildcards):
    """What every engine of the comparison computed, the first engine's first."""
    return [
        f"{RESULTS}/engine_comparison/engines/{name}.parquet"
        for name in section_of("engine_comparison").names
    ]


def first_engine(wildcards):
    """The first engine's minima for another engine; nothing if there are none."""
    section = section_of("engine_comparison")
    needed = section.relax and wildcards.engine != section.names[0]
    return engine_files(wildcards)[:1] if needed else []


def engine_inputs(wildcards):
    """The hashes that the inputs of an engine's job must carry."""
    section = section_of("engine_comparison")
    return {
        "configurations": ID.configurations(section.set),
        "first": engine_energies(section.names[0], CFG, section, ID),
    }


def minutes(base):
    """Runtime resource: more on every attempt."""
    return lambda wildcards, attempt: base * attempt


def megabytes(base):
    """Memory resource: more on every attempt."""
    return lambda wildcards, attempt: base * attempt

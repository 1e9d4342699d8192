"""``confvib import-mlff``: a So3krates that was trained with mlff as a force field."""

from pathlib import Path
from typing import Annotated

import typer

from confvib.cli.options import ForceOption, reported
from confvib.cli.written_files import check_free
from confvib.errors import ModelError


@reported
def import_mlff(
    *,
    ckpt_dir: Annotated[
        Path,
        typer.Argument(
            help="Checkpoint folder of mlff: hyperparameters.json, scales.json, ckpt_*."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", help="Force field to write (.msgpack).")
    ],
    species: Annotated[
        str | None,
        typer.Option(
            "--species",
            help="Elements of the training data, such as Li,La,Zr,O. mlff does not "
            "store them; without this option the force field accepts every element.",
        ),
    ] = None,
    role: Annotated[
        str, typer.Option("--role", help="What it is for, such as relax or md.")
    ] = "mlff",
    shift: Annotated[
        bool,
        typer.Option(
            help="Add the energy per atom that the training took off. mlff's own "
            "calculator leaves it out."
        ),
    ] = True,
    force: ForceOption = False,
) -> None:
    """Turn a checkpoint folder of mlff into a force field of this program."""
    check_free([output], force=force)
    # Only here: JAX takes a second to load, which no other command should wait for.
    from confvib.forcefield.checkpoint import fingerprint, save_model
    from confvib.forcefield.mlff_checkpoint import import_mlff_checkpoint
    from confvib.forcefield.model import flat_parameters
    from confvib.forcefield.settings import describe

    numbers = None if species is None else atomic_numbers_of(species)
    model = import_mlff_checkpoint(ckpt_dir, species=numbers, add_shift=shift, role=role)
    save_model(model, output)
    count = sum(leaf.size for leaf in flat_parameters(model.parameters).values())
    options = ", ".join(f"{k} {v}" for k, v in describe(model.settings).items())
    typer.echo(f"{output}: {count:,} parameters, {options}")
    typer.echo(f"fingerprint {fingerprint(model)}")


def atomic_numbers_of(elements: str) -> list[int]:
    """Translate a list of element symbols.

    Args:
        elements: Symbols with commas between them, such as ``Li,La,Zr,O``.

    Returns:
        Their atomic numbers, in the same order.

    Raises:
        ModelError: A symbol is no element.
    """
    from ase.data import atomic_numbers

    symbols = [word.strip() for word in elements.split(",")]
    unknown = [word for word in symbols if not atomic_numbers.get(word)]
    if unknown:
        raise ModelError(
            f"--species {elements}: {unknown[0]!r} is no element, expected symbols such "
            "as Li,La,Zr,O"
        )
    return [int(atomic_numbers[word]) for word in symbols]

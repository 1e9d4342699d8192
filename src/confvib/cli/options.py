"""Options that the commands share, and how a mistake ends one."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

import typer

from confvib.errors import CampaignError

ConfigOption = Annotated[
    Path, typer.Option("--config", help="Configuration of the campaign.")
]
OverlayOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--configfile",
        help="Configuration laid over it, as snakemake does; may be repeated.",
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")]

DEFAULT_CONFIG = Path("config/config.yaml")

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


def reported(command: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
    """End a command on a user's mistake with one message and exit code 1.

    Args:
        command: Function of the command; it raises CampaignError on a mistake.

    Returns:
        The function that Typer calls.
    """

    @functools.wraps(command)
    def run(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
        try:
            return command(*args, **kwargs)
        except CampaignError as mistake:
            message = str(mistake)
        except OSError as error:
            message = f"{error.filename}: {error.strerror}"
        typer.echo(f"confvib: {message}", err=True)
        raise typer.Exit(1)

    return run

"""The entry point: one Typer application, one function per command."""

import typer

from confvib.cli.cost import cost
from confvib.cli.count import count
from confvib.cli.export import export
from confvib.cli.import_mlff import import_mlff
from confvib.cli.import_set import import_set
from confvib.cli.import_vasp import import_vasp

app = typer.Typer(
    help="Site-disordered crystals: count, export and import configurations, labels and "
    "models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("count")(count)
app.command("cost")(cost)
app.command("export")(export)
app.command("import-set")(import_set)
app.command("import-mlff")(import_mlff)
app.command("import-vasp")(import_vasp)

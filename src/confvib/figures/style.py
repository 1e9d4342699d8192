"""One look for all figures, and one way to save them; pyplot is never imported."""

import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from confvib.errors import CampaignError
from confvib.tables.atomic import write_atomically

BLACK = "#000000"
VERMILION = "#D55E00"
BLUE = "#0072B2"
GREEN = "#009E73"
ORANGE = "#E69F00"
PURPLE = "#CC79A7"
SKY = "#56B4E9"
GREY = "#777777"

_STYLE_FILE = Path(__file__).with_name("confvib.mplstyle")


@contextmanager
def style() -> Iterator[None]:
    """Apply the style file, and nothing of the user's own settings, inside the block."""
    with mpl.rc_context(fname=_STYLE_FILE):
        yield


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure that draws with Agg and that no global registry holds."""
    figure = Figure(figsize=(width_in, height_in))
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as SVG, byte for byte the same each time, complete or not at all.

    Args:
        figure: What one of the figure functions returned. No registry holds it, so there
            is nothing to close: its memory goes with the last reference.
        path: A file that ends in ``.svg``; its folder must exist.

    Raises:
        CampaignError: The path has another suffix.
    """
    path = Path(path)
    if path.suffix != ".svg":
        raise CampaignError(f"{path}: figures are saved as .svg, not {path.suffix!r}")

    def write(temporary: Path) -> None:
        figure.savefig(temporary, format="svg", metadata={"Date": None})

    with style():
        write_atomically(path, write)


def legend_below(figure: Figure, panels: Iterable[Axes], ncols: int) -> None:
    """Put one legend under all panels, each label once."""
    handles = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if handles:
        figure.legend(
            handles.values(), handles.keys(), loc="outside lower center", ncols=ncols
        )


def wrapped(text: str, width: int = 105) -> str:
    """Break a title into lines that fit: 105 characters a figure, 46 half of one."""
    return textwrap.fill(text, width)


def say_instead(axes: Axes, message: str) -> None:
    """Let a panel without data say why it is empty."""
    axes.set_axis_off()
    axes.text(
        0.5, 0.5, message, ha="center", va="center", wrap=True, transform=axes.transAxes
    )

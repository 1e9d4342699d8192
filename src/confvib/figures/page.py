"""A plain HTML page that needs nothing but itself."""

from collections.abc import Iterable, Sequence
from html import escape

_CSS = """
body { font: 15px/1.45 system-ui, sans-serif; color: #111; background: #fff;
       max-width: 84rem; margin: 1.5rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .6rem 0; font-size: .84rem;
        font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .4rem; text-align: right; white-space: nowrap; }
th { font-weight: 600; } thead tr:last-child { border-bottom: 1.5px solid #333; }
thead tr:first-child th { text-align: center; }
tbody tr { border-bottom: 1px solid #ddd; }
.first { border-left: 1.5px solid #bbb; }
.warning { border-left: 4px solid #D55E00; padding: .5rem .8rem; background: #fdf1e8; }
ul { margin: .3rem 0; padding-left: 1.2rem; font-size: .9rem; }
"""


def document(title: str, parts: Iterable[str]) -> str:
    """Return a complete page; ``parts`` are HTML, the title is not."""
    body = "\n".join(part for part in parts if part)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n<style>{_CSS}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def html_table(
    groups: Sequence[tuple[str, Sequence[str]]], rows: Iterable[Sequence[str]]
) -> str:
    """Return a table under groups of columns.

    Args:
        groups: Name of each group and of its columns; all text is escaped here.
        rows: As many cells each as there are columns in all groups.
    """
    first = {
        sum(len(columns) for _, columns in groups[:k]) for k in range(1, len(groups))
    }

    def line(tag: str, cells: Sequence[str]) -> str:
        marked = (
            f"<{tag}{_FIRST if k in first else ''}>{escape(cell)}</{tag}>"
            for k, cell in enumerate(cells)
        )
        return f"<tr>{''.join(marked)}</tr>"

    head = "".join(
        f'<th colspan="{len(columns)}"{_FIRST if k else ""}>{escape(name)}</th>'
        for k, (name, columns) in enumerate(groups)
    )
    names = [name for _, columns in groups for name in columns]
    body = "\n".join(line("td", row) for row in rows)
    return (
        f'<div class="scroll"><table>\n<thead>\n<tr>{head}</tr>\n{line("th", names)}\n'
        f"</thead>\n<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def notes_list(notes: Sequence[tuple[str, str]]) -> str:
    """Return labelled sentences as a list, '' for none."""
    items = "\n".join(
        f"<li><b>{escape(label)}</b>: {escape(sentence)}</li>"
        for label, sentence in notes
    )
    return f"<ul>\n{items}\n</ul>" if notes else ""


_FIRST = ' class="first"'

"""Let the jobs of a workflow import confvib where it is not installed."""

import os
from pathlib import Path


def expose_library(source: Path) -> None:
    """Put a source folder first on the module path of every process started from here.

    Args:
        source: Folder that contains the package.
    """
    inherited = os.environ.get("PYTHONPATH")
    parts = [str(source), *([inherited] if inherited else [])]
    os.environ["PYTHONPATH"] = os.pathsep.join(parts)

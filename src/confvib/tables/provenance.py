"""Where a file came from: settings, inputs, code, machine, time."""

import hashlib
import json
import socket
import subprocess
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import confvib


@dataclass(frozen=True)
class Provenance:
    """What a result file says about its making, stored as its metadata."""

    config_hash: str
    inputs: dict[str, str] = field(default_factory=dict)
    model_fingerprint: str = ""
    equivalence: str = ""
    note: str = ""
    version: str = confvib.__version__
    git_commit: str = ""
    created: str = ""
    host: str = ""
    wall_time_s: float = 0.0

    def metadata(self) -> dict[str, str]:
        """Return the key-value pairs written into the file."""
        values = asdict(self)
        values["inputs"] = json.dumps(self.inputs, sort_keys=True)
        return {f"confvib.{key}": str(value) for key, value in values.items()}


def collect(
    config_hash: str,
    *,
    started: float,
    inputs: Iterable[str | Path] = (),
    model_fingerprint: str = "",
    equivalence: str = "",
    note: str = "",
) -> Provenance:
    """Describe a file that is about to be written.

    Args:
        config_hash: Hash of the settings that determine it (campaign.identity).
        started: ``time.monotonic()`` when the stage began.
        inputs: Files it was made from; their SHA-256 is recorded.
        model_fingerprint: Fingerprint of the force field, where one was used.
        equivalence: Which arrangements count as one, where rows are configurations.
        note: One free sentence.
    """
    return Provenance(
        config_hash=config_hash,
        inputs={str(path): file_sha256(path) for path in inputs},
        model_fingerprint=model_fingerprint,
        equivalence=equivalence,
        note=note,
        git_commit=_git_commit(),
        created=datetime.now(tz=UTC).isoformat(timespec="seconds"),
        host=socket.gethostname(),
        wall_time_s=round(time.monotonic() - started, 3),
    )


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's content."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _git_commit() -> str:
    """Return the commit of the source tree, '' outside a checkout."""
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],  # noqa: S607
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    return answer.stdout.strip()

"""Settings as JSON-like values, and short hashes over such values and files."""

import hashlib
import json
from pathlib import Path
from typing import Any

from confvib.campaign.section import Section

_NO_EFFECT_ON_RESULTS = {"batch_size", "columns_per_batch"}


def digest(*parts: Any) -> str:
    """Return 16 hexadecimal digits over JSON-like values."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def plain(section: Section, *without: str) -> dict[str, Any]:
    """Return a section as JSON-like values, without keys that are named or harmless."""
    dropped = _NO_EFFECT_ON_RESULTS.union(without)
    return section.model_dump(mode="json", exclude=dropped)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file that a campaign begins with."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

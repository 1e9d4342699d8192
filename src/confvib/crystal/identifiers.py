"""Stable names of configurations."""

import re

from confvib.errors import EnumerationError

_DIGITS = 8


def configuration_id(set_name: str, rank: int) -> str:
    """Name a configuration by its set and its rank in canonical order.

    The name is stable: the canonical order depends on the crystal, the counts and the
    rules alone, not on the machine, the sample or the chunks.

    Args:
        set_name: name of the configuration set, such as "12_44".
        rank: row in canonical order, from 0.

    Returns:
        The name, such as "12_44-00000123"; names of one set sort by rank.

    Raises:
        EnumerationError: the rank is negative or has more than eight digits.
    """
    if not 0 <= rank < 10**_DIGITS:
        raise EnumerationError(
            f"configuration rank {rank}, expected 0 to {10**_DIGITS - 1}"
        )
    return f"{set_name}-{rank:0{_DIGITS}d}"


def parse_configuration_id(config_id: str) -> tuple[str, int]:
    """Split a configuration name into its set and its rank.

    Args:
        config_id: as made by configuration_id.

    Returns:
        Set name and rank.

    Raises:
        EnumerationError: the string is no configuration name.
    """
    found = re.fullmatch(rf"(.+)-(\d{{{_DIGITS}}})", config_id)
    if found is None:
        raise EnumerationError(
            f"{config_id!r} is no configuration name, expected one such as "
            f"{configuration_id('12_44', 123)!r}"
        )
    return found.group(1), int(found.group(2))

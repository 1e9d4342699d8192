"""What a finished VASP run did with its atoms."""

from collections.abc import Mapping

from confvib.dft.vasprun import Value

_PROTOCOLS = {-1: "single_point", 1: "relaxation", 2: "relaxation", 3: "relaxation"}

_DISPLACED = {5, 6}
"""IBRION of finite differences: the frames are displaced geometries."""


def imported_task(parameters: Mapping[str, Value]) -> tuple[str, float | None]:
    """Name the task of a run in the words of the ``labels`` table.

    Args:
        parameters: All keys that VASP reports.

    Returns:
        "relaxation", "single_point", "displacements", "heating", "nve", "nvt", "npt" or
        "other"; and the temperature of nve, nvt and npt [K], else None.

    Source: vasp.at/wiki, IBRION, MDALGO and SMASS.
    """
    ibrion = int(_number(parameters, "IBRION", -1))
    if _number(parameters, "NSW", 0) <= 1:
        return "single_point", None
    if ibrion in _DISPLACED:
        return "displacements", None
    if ibrion != 0:
        return _PROTOCOLS.get(ibrion, "other"), None
    return _dynamics(parameters)


def _dynamics(parameters: Mapping[str, Value]) -> tuple[str, float | None]:
    start_K = _number(parameters, "TEBEG", 0)
    end_K = _number(parameters, "TEEND", start_K)
    smass, algorithm = _number(parameters, "SMASS", -3), _algorithm(parameters)
    # Without a thermostat, and with one that never acts, TEEND is not looked at.
    free = smass == -3 if algorithm == 0 else _collides_never(parameters, algorithm)
    if free:
        return "nve", start_K
    if start_K != end_K:
        return "heating", None
    return ("npt" if _number(parameters, "ISIF", 2) > 2 else "nvt"), start_K


def _algorithm(parameters: Mapping[str, Value]) -> int:
    return int(_number(parameters, "MDALGO", 0))


def _collides_never(parameters: Mapping[str, Value], algorithm: int) -> bool:
    return algorithm == 1 and _number(parameters, "ANDERSEN_PROB", 0) == 0


def _number(parameters: Mapping[str, Value], key: str, default: float) -> float:
    value = parameters.get(key, default)
    return value if isinstance(value, int | float) else default

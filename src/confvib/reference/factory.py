"""Turn the settings of a label engine into the engine."""

import hashlib
import importlib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ase.calculators.calculator import BaseCalculator

from confvib.errors import LabelError
from confvib.reference.ase_engine import AseEngine
from confvib.reference.engine import LabelEngine
from confvib.reference.file_fingerprints import file_fingerprints
from confvib.reference.ionic import IonicCalculator, IonicSettings


def make_engine(settings: Mapping[str, Any]) -> LabelEngine:
    """Make a label engine from its section of the configuration.

    Args:
        settings: ``{"engine": "ionic", "ionic": {...}}`` with the fields of
            ``IonicSettings``, or ``{"engine": "ase", "ase": {"calculator":
            "ase.calculators.emt.EMT", "kwargs": {...}, "files": [...]}}``; sections of
            other engines are ignored. VASP is made by ``confvib.dft``.

    Returns:
        The engine; its level of theory is a function of the settings and, for ``ase``,
        of the version of the package that owns the calculator and of the content of the
        ``files``, such as weights, that it computes with.

    Raises:
        LabelError: The engine is unknown, a setting is unknown or outside its domain, or
            the calculator does not import, is none, or cannot be made.
    """
    engine = settings.get("engine")
    if engine == "ionic":
        return _ionic_engine(settings.get("ionic") or {})
    if engine == "ase":
        return _ase_engine(settings.get("ase") or {})
    raise LabelError(f"engine is {engine!r}, expected 'ionic' or 'ase' here")


def _ionic_engine(section: Mapping[str, Any]) -> AseEngine:
    known = {field.name for field in fields(IonicSettings)}
    _require_known("ionic", section, known)
    ionic = IonicSettings(**section)
    return AseEngine(lambda: IonicCalculator(ionic), ionic.level_of_theory)


def _ase_engine(section: Mapping[str, Any]) -> AseEngine:
    _require_known("ase", section, {"calculator", "kwargs", "files"})
    path = section.get("calculator")
    kwargs = dict(section.get("kwargs") or {})
    calculator_class = _calculator_class(path)
    files = file_fingerprints(section.get("files") or ())

    try:
        definition = json.dumps(
            {
                "calculator": path,
                "kwargs": kwargs,
                "version": _version(calculator_class),
                **({"files": files} if files else {}),
            },
            sort_keys=True,
        )
        level_of_theory = hashlib.sha256(definition.encode()).hexdigest()[:16]
        return AseEngine(lambda: calculator_class(**kwargs), level_of_theory)
    except Exception as failure:
        raise LabelError(
            f"ase.calculator {path} with kwargs {kwargs} cannot be made: "
            f"{type(failure).__name__}: {failure}"
        ) from failure


def _calculator_class(path: object) -> type[BaseCalculator]:
    if not isinstance(path, str) or "." not in path:
        raise LabelError(
            f"ase.calculator is {path!r}, expected a dotted path such as "
            "'ase.calculators.emt.EMT'"
        )
    module_name, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as failure:
        raise LabelError(f"ase.calculator {path} does not import: {failure}") from failure
    if not (isinstance(found, type) and issubclass(found, BaseCalculator)):
        raise LabelError(
            f"ase.calculator {path} is {found!r}, expected an ASE calculator"
        )
    return found


def _version(calculator_class: type[BaseCalculator]) -> str:
    package = calculator_class.__module__.partition(".")[0]
    return str(getattr(importlib.import_module(package), "__version__", "unknown"))


def _require_known(name: str, section: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(section) - known)
    if unknown:
        raise LabelError(
            f"{name} has unknown settings {', '.join(unknown)}; it knows "
            f"{', '.join(sorted(known))}"
        )

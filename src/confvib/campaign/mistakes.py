"""Pydantic's errors in the words of a person who edits YAML."""

import difflib
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError


def describe(
    error: ValidationError,
    raw: Mapping[str, Any],
    model: type[BaseModel],
    within: str = "",
) -> str:
    """Return one line per mistake: key path, value found, what was expected.

    Args:
        error: What pydantic reported.
        raw: The configuration that was validated.
        model: The root model, to suggest the key that was probably meant.
        within: Key path of the section that ``raw`` was made from, with a final '.'.
    """
    lines = [f"{within}{_line(item, model)}" for item in error.errors()]
    unique = list(dict.fromkeys(lines))
    title = (
        "the configuration has a mistake"
        if len(unique) == 1
        else (f"the configuration has {len(unique)} mistakes")
    )
    name = raw.get("campaign", "?")
    return "\n".join([f"{title} (campaign {name!r}):", *(f"  {line}" for line in unique)])


def _line(item: Any, model: type[BaseModel]) -> str:
    location = tuple(part for part in item["loc"] if not _is_union_branch(part))
    path = _key_path(location)
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        return f"{path} = {item['input']!r}: unknown key{_suggestion(location, model)}"
    if item["type"] == "missing":
        return f"{path}: missing; expected a value{_meaning(location, model)}"
    if item["type"] == "value_error":
        return f"{path}: {message}" if path else message
    if item["type"] == "string_type" and isinstance(item["input"], int):
        message += "; YAML reads 12_44 as the number 1244: write names in quotes"
    return f"{path} = {item['input']!r}: {message}{_meaning(location, model)}"


def _is_union_branch(part: int | str) -> bool:
    """Pydantic appends the branch of a union it tried, which is no key of the file."""
    return isinstance(part, str) and ("[" in part or part.startswith("constrained-"))


def _key_path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _section(
    location: tuple[int | str, ...], model: type[BaseModel]
) -> type[BaseModel] | None:
    """Return the model of the section that holds the last key of a location."""
    current: type[BaseModel] | None = model
    for part in location[:-1]:
        if current is None:
            return None
        if part in current.model_fields:
            current = _model_inside(current.model_fields[str(part)].annotation, current)
    return current


def _model_inside(annotation: Any, fallback: type[BaseModel]) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_inside(argument, fallback)
        if found is not None:
            return found
    return None


def _suggestion(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    section = _section(location, model)
    if section is None:
        return ""
    known = list(section.model_fields)
    close = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.6)
    if close:
        return (
            f"; did you mean {close[0]!r}?{_meaning((*location[:-1], close[0]), model)}"
        )
    return f"; expected one of {known}"


def _meaning(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """Return the description of the key, which states quantity and unit."""
    while location and isinstance(location[-1], int):
        location = location[:-1]
    section = _section(location, model)
    field = section.model_fields.get(str(location[-1])) if section and location else None
    return f" ({field.description})" if field is not None and field.description else ""

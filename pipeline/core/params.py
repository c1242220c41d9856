"""Sections of params.yaml, validated; an error names the key, the value and the nearest spelling.

Each section is a frozen dataclass without defaults, defined beside the code that uses it.
"""

import difflib
import hashlib
import json
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import asdict, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, TypeVar, dataclass_transform, get_args, get_type_hints

import click
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as pydantic_dataclass
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


def _odd(number: int) -> int:
    if number % 2 == 0:
        raise ValueError("expected an odd number")
    return number


_MISSING = ("missing", "missing_argument")  # types of problems

Section = TypeVar("Section")
Odd = Annotated[int, Field(ge=1), AfterValidator(_odd)]  # such as the width of a kernel with a centre


class ParamsError(click.ClickException):
    """params.yaml is missing, or invalid."""


@dataclass_transform(frozen_default=True)
def section(cls: type[Section]) -> type[Section]:
    """Turn a class into a validated, frozen section of params.yaml: no unknown or missing key, right types."""
    decorated: Any = pydantic_dataclass(cls, frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
    return decorated  # the same class; pydantic's annotation loses that


def read(path: Path) -> dict[str, Any]:
    """Content of params.yaml, read as DVC reads it (YAML 1.2: `2e-4` is a number, `no` a string)."""
    try:
        found = deepcopy(_parsed(path.read_bytes()))
    except FileNotFoundError:
        raise ParamsError(f"{path}: not found; run inside the project") from None
    except (YAMLError, ValueError, RecursionError) as error:  # ValueError: such as a date that does not exist
        raise ParamsError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(found, dict):
        raise ParamsError(f"{path}: expected sections, found {type(found).__name__}")
    return found


@lru_cache  # `emocycle check` reads every section, and parsing takes most of its time
def _parsed(content: bytes) -> Any:
    return YAML(typ="safe").load(content)


def load(path: Path, name: str, cls: type[Section]) -> Section:
    """The section `name` of params.yaml, validated against `cls`.

    Args:
        path: params.yaml
        name: its key, dots between levels (`split.scenarios`)
        cls: expected type: a `section`, or any type that pydantic supports

    Raises:
        ParamsError: names the file, the key, what was found, what was expected, and the nearest spelling
    """
    found: Any = read(path)
    for depth, key in enumerate(name.split(".")):
        if not isinstance(found, dict) or key not in found:
            present = found if isinstance(found, dict) else ()
            where = ".".join(name.split(".")[: depth + 1])
            raise ParamsError(f"{path}: '{where}' is missing{nearest(key, present)}")
        found = found[key]
    try:
        return TypeAdapter(cls).validate_python(found)
    except ValidationError as error:
        lines = [_explain(problem, name, cls, found) for problem in error.errors(include_url=False)]
        raise ParamsError(f"{path}: " + "; ".join(lines)) from None


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'steps'?`, or the list of known words if none is near."""
    known = sorted(str(item) for item in known)
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; expected one of {', '.join(known)}" if known else ""


def params_hash(*sections: Any) -> str:
    """Short hash of the parameters that a stage declares, for the metadata of its outputs."""
    plain = [asdict(part) if is_dataclass(part) and not isinstance(part, type) else part for part in sections]
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _explain(problem: Any, name: str, cls: Any, found: Any) -> str:
    place = _place(problem, found)
    where = ".".join([name, *place])
    if problem["type"] == "unexpected_keyword_argument":
        return f"'{where}' is not known{nearest(place[-1], _keys_at(cls, place[:-1]))}"
    if problem["type"] in _MISSING:
        return f"'{where}' is missing"
    if problem["type"] == "union_tag_not_found":  # a key selects one of several sections
        return f"'{where}.{problem['ctx']['discriminator'].strip(chr(39))}' is missing"
    if problem["type"] == "union_tag_invalid":
        tags = [tag.strip("'") for tag in problem["ctx"]["expected_tags"].split(", ")]
        key, tag = problem["ctx"]["discriminator"].strip("'"), problem["ctx"]["tag"]
        return f"'{where}.{key}' is '{tag}'{nearest(tag, tags)}"
    if problem["type"] == "value_error" and isinstance(problem["input"], dict):  # raised by a section
        return f"'{where}': {problem['ctx']['error']}"
    return f"'{where}' is {problem['input']!r}: {problem['msg']}"


def _place(problem: Any, found: Any) -> list[str]:
    """Keys that lead to a problem, without the names of types that pydantic adds for a union."""
    place = []
    for part in problem["loc"]:
        inside = part in found if isinstance(found, dict) else isinstance(found, list) and isinstance(part, int)
        if inside:
            found = found[part]
        if inside or (problem["type"] in _MISSING and part == problem["loc"][-1]):
            place.append(str(part))
    return place


def _keys_at(expected: Any, place: list[str]) -> list[str]:
    """Keys of the section at `place` inside `expected`."""
    sections = _sections(expected)
    for key in place:  # a key of a mapping or list of sections changes nothing
        hints = [hint for cls in sections if (hint := get_type_hints(cls).get(key))]
        sections = [inner for hint in hints for inner in _sections(hint)] if hints else sections
    return [key for cls in sections for key in get_type_hints(cls)]


def _sections(expected: Any) -> list[type]:
    """Sections that a type consists of; two for `dict[str, Full | LowData]`."""
    if is_dataclass(expected):
        return [expected if isinstance(expected, type) else type(expected)]
    return [cls for part in get_args(expected) for cls in _sections(part)]

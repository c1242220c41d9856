"""The generated part of docs/reference.md: corpora, arms, parameters of params.yaml and commands, read from the code.

`python -m pipeline.cli.reference` writes it between the two marks of docs/reference.md.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import click
from ruamel.yaml import YAML

from pipeline.augmentation.arms import ARMS, GENERATORS, needs_enrolment
from pipeline.cli.main import STAGES, VERBOSITIES, sections
from pipeline.cli.main import main as emocycle
from pipeline.corpora import CORPORA, DEMO
from pipeline.report import words

PAGE = Path("docs/reference.md")
PARAMS = Path("params.yaml")
BEGIN, END = "<!-- generated: begin -->\n", "<!-- generated: end -->\n"
LINE = re.compile(r"(?P<indent> *)(?P<key>[\w-]+):(?: (?P<inline>[^#]*?))?(?: *# (?P<comment>.*))?")
LONG = 60  # letters; a longer type is written out once, a longer value is cut
NAMES = {str: "text", int: "integer", float: "number", bool: "true or false", type(None): "null"}


class Parameter(NamedTuple):
    """A line of params.yaml."""

    key: str  # dots between levels; empty for a comment that has a line of its own
    value: Any  # None for a comment
    is_section: bool  # whether its keys have lines of their own
    comment: str  # empty where there is none


def generated(params: str, kinds: Mapping[str, Any], group: click.Group) -> str:
    """Markdown tables of the corpora, the arms, the parameters and the commands.

    Args:
        params: text of params.yaml
        kinds: expected type of each of its keys; a section is a dataclass
        group: the commands
    """
    lines = ["## Corpora", "", "| name | content | clips | folds | licence |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(corpus_row(name))} |" for name in CORPORA if name != DEMO]
    lines += ["", "## Arms", "", "| arm | training set | needs in params.yaml |", "|---|---|---|"]
    lines += [f"| `{arm}` | {words.ARMS[arm]} | {needs(arm)} |" for arm in ARMS]
    lines += ["", "## Parameters", "", "| key | type | demo | meaning |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows(params, kinds)]
    lines += [
        "",
        "## Commands",
        "",
        "Every command and stage has these; the stages that it starts inherit them:",
        "",
    ]
    lines += [f"- `{short}`, `{long}`: {meaning}" for short, long, _, meaning in VERBOSITIES] + [""]
    context = click.Context(group)
    commands = {name: command for name in group.list_commands(context) if (command := group.get_command(context, name))}
    stages = [name for name in commands if name.replace("-", "_") in STAGES]
    for name in commands:
        if name not in stages:
            lines += [*command_lines(name, commands[name]), ""]
    lines += ["### Stages", "", "`dvc repro` runs them. `emocycle STAGE --help` lists the options of each.", ""]
    lines += ["| stage | purpose |", "|---|---|"]
    lines += [f"| `{name}` | {purpose(commands[name])} |" for name in stages]
    return "\n".join(lines) + "\n"


def corpus_row(name: str) -> tuple[str, ...]:
    """Name, content (its module's first line), clips, folds and licence of a known corpus."""
    corpus = CORPORA[name]
    content = (import_module(corpus.parse.__module__).__doc__ or "").partition("\n")[0].removesuffix(".")
    folds = str(len(corpus.folds)) if corpus.folds else "`split.n_folds`"
    licence = f"{corpus.license}; {corpus.restriction}".removesuffix("; ")
    return f"`{name}`", content, f"{sum(corpus.expected_counts.values()):,}", folds, licence


def needs(arm: str) -> str:
    """What switches an arm's generators on, beside its name in `arms`."""
    lists = [(name, GENERATORS[name].wanted_in) for name in ARMS[arm].generators if name in GENERATORS]
    found = [f"{'the scenarios' if key == 'dcgan_scenarios' else f'`{name}`'} in `{key}`" for name, key in lists]
    return ", ".join(found + ["`scenarios` of kind `enrolment`"] * needs_enrolment(arm))


def rows(params: str, kinds: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Key, type, value and meaning of each parameter; a section with a comment is a row with a bold key."""
    written: set[str] = set()
    mapping = "\0"  # the last key whose value is a mapping of plain values; its items are in its row
    for key, value, is_section, comment in parameters(params):
        kind = type_at(kinds, key) if key else ""
        if key.startswith(f"{mapping}."):
            continue
        if kind or (key and not is_section):
            mapping = key if isinstance(value, dict) else mapping
            yield f"`{key}`", "as above" if kind in written else kind or "mapping", f"`{shown(value)}`", comment
            written |= {kind} if len(kind) > LONG else set()
        elif comment:
            yield f"**`{key}`**" if key else "", "", "", comment


def parameters(text: str) -> Iterator[Parameter]:
    """Lines of params.yaml but its first comment: keys, and comments that have a line of their own."""
    values = YAML(typ="safe").load(text)
    levels: list[tuple[int, str]] = []  # indent and key of the sections that a line is in
    comments: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("# "):
            comments.append(line.strip().removeprefix("# "))
            continue
        if comments and levels:
            yield Parameter("", None, False, " ".join(comments))
        comments = []
        if match := LINE.fullmatch(line):
            indent = len(match["indent"])
            levels = [(depth, key) for depth, key in levels if depth < indent] + [(indent, match["key"])]
            path = [key for _, key in levels]
            value = _value(values, path)
            is_section = isinstance(value, dict) and not match["inline"]
            yield Parameter(".".join(path), value, is_section, (match["comment"] or "").strip())


def type_at(kinds: Mapping[str, Any], key: str) -> str:
    """Expected type of a key, in words; empty for a section, which has keys of its own."""
    start = max((name for name in kinds if key == name or key.startswith(f"{name}.")), key=len, default=None)
    if start is None:
        return ""
    found = [kinds[start]]
    for part in key.removeprefix(start).split(".")[1:]:
        found = [inner for kind in found for inner in _inside(kind, part)]
    return " or ".join(dict.fromkeys(filter(None, map(in_words, found))))


def in_words(kind: Any) -> str:
    """A type in words: `list of text`, `number or null`, `dio or harvest`; empty for a section."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return in_words(inner[0])
    if origin is Literal:
        return " or ".join(f"`{word}`" for word in inner)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(filter(None, map(in_words, inner))))
    if origin in (tuple, list):
        return f"list of {in_words(inner[0])}"
    if origin is dict:
        return "" if _is_section(inner[1]) else f"mapping of {in_words(inner[0])} to {in_words(inner[1])}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(f"`{each.value}`" for each in kind)
    return NAMES.get(kind, "")


def shown(value: Any) -> str:
    """A value as params.yaml has it, cut where it is long."""
    words = in_yaml(value)
    return words if len(words) <= LONG else f"{words[:LONG]}…"


def in_yaml(value: Any) -> str:
    """A value as params.yaml has it, on one line."""
    if isinstance(value, bool) or value is None:
        return str(value).lower().replace("none", "null")
    if isinstance(value, list):
        return f"[{', '.join(map(in_yaml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {in_yaml(found)}" for key, found in value.items()) + "}"
    return str(value)


def command_lines(name: str, command: click.Command) -> list[str]:
    """Heading, purpose, and the options that have a help text."""
    arguments = [_argument(found) for found in command.params if isinstance(found, click.Argument)]
    common = {short for short, *_ in VERBOSITIES}
    options = [found for found in command.params if isinstance(found, click.Option) and found.help]
    options = [found for found in options if found.opts[0] not in common]
    lines = [f"### `{' '.join(['emocycle', name, *arguments])}`", "", purpose(command)]
    if options:
        lines += [""] + [f"- `{found.opts[0]}`{' (required)' * found.required}: {found.help}" for found in options]
    return lines


def purpose(command: click.Command) -> str:
    """First paragraph of a command's help text, on one line."""
    return " ".join((command.help or "").partition("\n\n")[0].split())


def main() -> None:
    """Write the generated part of docs/reference.md."""
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, tail = rest.partition(END)
    body = generated(PARAMS.read_text(encoding="utf-8"), sections(), emocycle)
    PAGE.write_text(head + BEGIN + body + END + tail, encoding="utf-8")


def _argument(found: click.Argument) -> str:
    return found.metavar or (found.name or "").upper() + "..." * (found.nargs == -1)


def _value(values: Any, path: list[str]) -> Any:
    for key in path:
        values = values[key]
    return values


def _inside(kind: Any, key: str) -> list[Any]:
    """Types that a key may have inside a section, or inside a mapping or a choice of sections."""
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind, include_extras=True)
        return [hints[key]] if key in hints else []
    origin, inner = get_origin(kind), get_args(kind)
    if origin is dict:
        return [inner[1]]
    return [found for part in inner for found in _inside(part, key)]


def _is_section(kind: Any) -> bool:
    return is_dataclass(kind) or any(_is_section(part) for part in get_args(kind))


if __name__ == "__main__":
    main()

"""Pages for people: short lines, short sentences, links and commands that exist. Each rule is seen to catch a fault."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pipeline.cli.main import main
from pipeline.cli.reference import BEGIN, END

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
EVERY_PAGE = sorted({*PAGES, *(ROOT / name for name in TRACKED if name.endswith(".md"))})
NO_CODE = re.compile(r"experiments/ravdess-.*|tests/test_docs.py")  # records have pages of earlier versions
CODE_FILES = [name for name in TRACKED if name.endswith((".py", ".yaml", "Makefile")) and not NO_CODE.match(name)]
MOST_LETTERS = 120  # in a line
MOST_WORDS = 30  # in a sentence
CODE = re.compile(r"^```.*?^```$|(?:^    [^\n]*\n)+", re.MULTILINE | re.DOTALL)
GENERATED = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"\bemocycle ([a-z][a-z-]*)((?:\\\n|[^`\n])*)")


def prose(page: str) -> str:
    """A page without code blocks, tables and what is generated."""
    text = CODE.sub("\n\n", GENERATED.sub("\n", page))
    return "\n".join("" if line.lstrip().startswith("|") else line for line in text.splitlines())


def sentences(page: str) -> Iterator[str]:
    """Sentences of the paragraphs and list items; a piece of code or a link counts as one word each."""
    for paragraph in re.split(r"\n\s*\n|\n(?=#|- |\d+\. )|(?<=\n)(?=#)", prose(page)):
        text = LINK.sub("link", re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", re.sub(r"`[^`]*`", "code", paragraph)))
        yield from re.split(r"(?<=[.!?])[*)\"]*\s+", text.lstrip("#-*> 0123456789.").strip())


def long_lines(page: str) -> list[str]:
    return [line for line in prose(page).splitlines() if len(line) > MOST_LETTERS]


def long_sentences(page: str) -> list[str]:
    return [sentence for sentence in sentences(page) if len(re.findall(r"\w[^\s]*", sentence)) > MOST_WORDS]


def broken_links(page: str, folder: Path) -> list[str]:
    targets = [link.partition("#")[0] for link in LINK.findall(CODE.sub("", page)) if "://" not in link]
    return [target for target in targets if target and not (folder / target).exists()]


def missing_pages(text: str) -> list[str]:
    """Pages of docs/ and experiments/ that a text names and that are not there."""
    return [name for name in re.findall(r"\b(?:docs|experiments)/[\w-]+\.md\b", text) if not (ROOT / name).exists()]


def unknown_commands(page: str) -> list[str]:
    """Commands that do not exist, and options that theirs does not have."""
    context, found = click.Context(main), []
    for name, rest in COMMAND.findall("\n".join(re.findall(r"`[^`\n]+`", page) + CODE.findall(page))):
        command = main.get_command(context, name)
        if command is None:
            found.append(name)
            continue
        known = {option for param in command.params for option in param.opts} | {"--help"}
        asked = re.findall(r"(?<=\s)--[a-z][a-z-]*", rest.partition(" -- ")[0].partition("#")[0])
        found += [f"{name} {option}" for option in asked if option not in known]
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert long_lines(page) == [] and long_sentences(page) == [] and unknown_commands(page) == []


def test_links_lead_to_files() -> None:
    broken = {path: broken_links(path.read_text(encoding="utf-8"), path.parent) for path in EVERY_PAGE}
    assert not {path: links for path, links in broken.items() if links}


def test_code_names_pages_that_exist() -> None:
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in CODE_FILES if (ROOT / name).is_file()}
    assert not {name: missing_pages(text) for name, text in texts.items() if missing_pages(text)}


def test_each_fault_is_caught(tmp_path: Path) -> None:
    words = " ".join(["word"] * 31)
    assert long_lines("a" * 121) and not long_lines(f"| {'a' * 121} |") and not long_lines(f"```\n{'a' * 121}\n```")
    assert long_lines(f"    code\n\n{'a' * 121}\n    code\n") == ["a" * 121]
    assert long_sentences(f"{words}.") == [f"{words}."] and long_sentences(f"One.\n\n- {words}") == [words]
    assert not long_sentences("word word.\n" * 31) and not long_sentences("\n".join(["- word"] * 31))
    assert broken_links("[a](b.md#c) [d](https://e.f/g)", tmp_path) == ["b.md"]
    assert missing_pages("docs/method.md says; see docs/none.md") == ["docs/none.md"]
    assert unknown_commands("`emocycle fly` and `emocycle repro --from x`") == ["fly"]
    assert unknown_commands("    emocycle fetch demo \\\n      --fast  # --slow\n") == ["fetch --fast"]

"""dvc.yaml names what each stage's bytes depend on, and imports go one way. Each rule is seen to catch a violation."""

import ast
import subprocess
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.cli import main
from pipeline.stages.perturb import GENERATORS

ROOT = Path(__file__).parents[1]

Code = dict[str, str]  # module, such as `pipeline.stages.split` → its text

# Modules whose code does not change what a stage writes, or only with everything else. None imports another module
# than these.
PLUMBING = {
    "pipeline.core.params": "reads numbers; a number that changes is a dependency of its own",
    "pipeline.core.manifest": "reads and writes tables; when their columns change, `dvc repro -f`",
    "pipeline.core.bank": "reads tables; likewise",
    "pipeline.core.console": "shows progress and prints results",
    "pipeline.core.files": "writes whole files",
    "pipeline.core.predictions": "reads and writes tables; likewise",
    "pipeline.core.models": "reads and writes weights and configurations; likewise",
    "pipeline.core.shards": "reads and writes arrays; likewise",
    "pipeline.core.memory": "limits memory",
    "pipeline.core.workers": "spreads work over processes; results do not depend on it",
    "pipeline.conversion.pairs": "splits `a-b`",
    "pipeline.corpora.corpus": "the form of a corpus's facts; the facts are in the corpus's own module",
}
# Of single stages: modules that they import but whose code does not change what they write.
UNUSED = {
    "manifest": {
        "pipeline.audio.decoding": "decodes files, which `ingest` does",
        "pipeline.audio.containers": "the same",
        "pipeline.audio.ogg": "the same",
        "pipeline.audio.stretch": "the same",
    },
}
# Of single stages: dependencies in pipeline/ that no import shows.
RUN = {
    "demo_corpus": {"pipeline/corpora/espeak.py": "run as a process of its own"},
}
# Values of `${item.…}` in code dependencies: each item depends on its own module alone.
ITEMS = {"${item.generator}": GENERATORS}
# Keys of sections that have another one, which changes no bytes.
PARTS = {"hardware": ["hardware.device", "hardware.precision", "hardware.threads"]}
# Lists that no stage loads: dvc.yaml makes items of them.
MATRIX_ALONE = {"conversions", "perturbations", "vocoders", "dcgan_scenarios"}
COMMANDS_ALONE = {"bank_licenses", "executor", "hardware.memory_gb"}  # `emocycle` loads them

# Folders of the package; each imports from itself and from those before it.
ORDER = (
    "core networks audio corpora vocoder data scorers standard_scorers conversion generation augmentation "
    "classification assessment evaluation leakage report export stages cli __main__"
).split()
BANNED = {"utils", "util", "helpers", "misc", "common"}


@cache
def code() -> Code:
    """All modules of the package."""
    found = {}
    for path in sorted((ROOT / "pipeline").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    return found


@cache
def stages() -> dict[str, dict[str, Any]]:
    """Stages of dvc.yaml."""
    found: dict[str, dict[str, Any]] = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    return found


@cache
def nodes(text: str) -> list[ast.AST]:
    """All parts of a module."""
    return list(ast.walk(ast.parse(text)))


def imports(text: str, modules: Collection[str]) -> set[str]:
    """Modules of ours that a module names in an import, anywhere in it."""
    found: set[str] = set()
    for node in nodes(text):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            raise AssertionError(f"relative import of {node.module}: write it whole")
        elif isinstance(node, ast.ImportFrom):
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & set(modules) or {str(node.module)}
    return found & set(modules)


def closure(module: str, modules: Code) -> set[str]:
    """A module and all that it imports, and they import; without packages that hold no code."""
    reached, todo = set[str](), [module]
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += imports(modules[name], modules)
    return {name for name in reached if not all(isinstance(node, ast.Expr) for node in nodes(modules[name])[0].body)}


def wrong_deps(stage: str, deps: Collection[str], modules: Code) -> list[str]:
    """Modules that a stage should name in its `deps` and does not, and those that it names for nothing."""
    needed = closure(f"pipeline.stages.{stage}", modules) - set(PLUMBING) - set(UNUSED.get(stage, ()))
    run = set(RUN.get(stage, ()))
    named = {module for dep in deps if dep.startswith("pipeline") for module in of_items(dep)}
    found = [f"{stage}: lacks {dep}" for dep in sorted(run - named)]
    covered = set()
    for dep in sorted(named - run):
        module = dep.removesuffix(".py").replace("/", ".")
        inside = {name for name in modules if name == module or name.startswith(f"{module}.")}
        if not inside & needed:
            found.append(f"{stage}: names {dep} for nothing")
        covered |= inside
    return found + [f"{stage}: lacks {name}" for name in sorted(needed - covered)]


def of_items(dep: str) -> set[str]:
    """Code dependencies of all items of a matrix."""
    for variable, values in ITEMS.items():
        if variable in dep:
            return {dep.replace(variable, value) for value in values}
    return {dep}


def wrong_params(stage: str, declared: Collection[str], text: str) -> list[str]:
    """Parts of params.yaml that a stage loads and does not declare, or declares and does not load."""
    names = loaded(text) | (loaded_for_generators() if stage == "perturb" else {})
    expected = {part for name in names for part in PARTS.get(name, [name])}
    found = [f"{stage}: lacks params {name}" for name in sorted(expected - set(declared))]
    return found + [f"{stage}: does not load params {name}" for name in sorted(set(declared) - expected)]


def loaded(text: str) -> dict[str, str]:
    """Parts of params.yaml that a module loads, each with the type that it expects there."""
    calls = [node for node in nodes(text) if isinstance(node, ast.Call) and ast.unparse(node.func) == "params.load"]
    return {ast.literal_eval(call.args[1]): ast.unparse(call.args[2]) for call in calls if is_constant(call.args[1])}


def is_constant(node: ast.AST) -> bool:
    """Whether a key is written out; else it is of the `SECTIONS` of a generator."""
    return isinstance(node, ast.Constant)


def loaded_for_generators() -> dict[str, str]:
    """Parts of params.yaml that `perturb` loads for its generators, by their `SECTIONS`; not those inside `perturb`."""
    found = {key: cls.__name__ for generator in GENERATORS.values() for key, cls in generator.SECTIONS.items()}
    return {key: name for key, name in found.items() if not key.startswith("perturb.")}


def wrong_imports(modules: Code) -> list[str]:
    """Imports from a folder that comes later in `ORDER`, and of one stage by another."""
    found = []
    inside = {module: text for module, text in modules.items() if module != "pipeline"}
    for importer, text in inside.items():
        for module in sorted(imports(text, inside)):
            own, other = folder(importer), folder(module)
            if ORDER.index(other) > ORDER.index(own) or own == other == "stages":
                found.append(f"{importer} imports {module}")
    return found


def folder(module: str) -> str:
    """The folder of the package that a module is in."""
    return module.split(".")[1]


@pytest.mark.parametrize("stage", main.STAGES)
def test_deps_and_params_are_what_is_imported_and_loaded(stage: str) -> None:
    assert wrong_deps(stage, stages()[stage]["deps"], code()) == []
    assert wrong_params(stage, stages()[stage].get("params", []), code()[f"pipeline.stages.{stage}"]) == []


def test_exemptions_are_needed() -> None:
    modules = code()
    for module in PLUMBING:
        assert closure(module, modules) <= set(PLUMBING), module
    for stage, unused in UNUSED.items():
        assert set(unused) <= closure(f"pipeline.stages.{stage}", modules), stage


def test_imports_go_one_way() -> None:
    assert wrong_imports(code()) == []


def test_only_stages_and_commands_load_params() -> None:
    others = {
        module: text for module, text in code().items() if not module.startswith(("pipeline.stages.", "pipeline.cli."))
    }
    assert not [module for module, text in others.items() if loaded(text)]


def test_check_knows_what_stages_load() -> None:
    texts = [text for module, text in code().items() if module.startswith("pipeline.stages.")]
    found = {name: expected for text in texts for name, expected in loaded(text).items()} | loaded_for_generators()
    assert set(found) == set(main.SECTIONS) - MATRIX_ALONE - COMMANDS_ALONE
    for name, expected in main.SECTIONS.items():
        if isinstance(expected, str) and name not in COMMANDS_ALONE:
            assert expected.rpartition(":")[2] == found[name]


def test_a_stage_is_a_module_and_a_command() -> None:
    modules = [name.rpartition(".")[2] for name in code() if name.startswith("pipeline.stages.")]
    assert list(stages()) == list(main.STAGES)
    assert sorted(modules) == sorted(main.STAGES)
    for name, stage in stages().items():
        assert stage["cmd"].split()[:4] == ["python", "-m", "pipeline", name.replace("_", "-")]


def test_dvc_compares_the_summary_alone() -> None:
    metrics = [path for stage in stages().values() for metric in stage.get("metrics", []) for path in metric]
    assert metrics == ["metrics/summary.json"]  # files of details would bury it in `dvc metrics diff`


def test_no_module_without_an_idea() -> None:
    assert not [name for name in code() if BANNED & set(name.split("."))]


def test_files_name_no_folder_of_one_person() -> None:
    home = r"(^|[^[:alnum:]_.])/(home|Users|root|work)/[[:alnum:]_]"
    found = subprocess.run(["git", "grep", "-lE", home], cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode > 1:
        pytest.skip("not in git")
    assert found.stdout == ""
    assert "://" not in (ROOT / "requirements.lock").read_text(encoding="utf-8")


INVENTED: Mapping[str, str] = {
    "pipeline": '"""A package."""',
    "pipeline.core.params": "import yaml",
    "pipeline.audio.files": "import soundfile\nfrom pipeline.core.params import load",
    "pipeline.audio.pitch": "X = 1",
    "pipeline.vocoder": '"""Another package."""',
    "pipeline.vocoder.world": "from pipeline.audio.pitch import X",
    "pipeline.conversion.training": "import torch",
    "pipeline.classification.svm": "import numpy",
    "pipeline.stages.split": "from pipeline.core import params\nparams.load(path, 'split', Split)",
    "pipeline.stages.analyse": (
        "from pipeline.audio import files\nfrom pipeline.core import params\n"
        "def main():\n    from pipeline.vocoder import world\n    params.load(path, 'audio', Audio)"
    ),
    "pipeline.cli.workspace": "from pipeline.core import params",
    "pipeline.cli.main": "import pipeline.stages.analyse",
}
DEPS = [
    "data/x",
    "pipeline/stages/analyse.py",
    "pipeline/audio/files.py",
    "pipeline/audio/pitch.py",
    "pipeline/vocoder",
]


@pytest.mark.parametrize(
    ("deps", "found"),
    [
        (DEPS, []),
        (DEPS[:2] + DEPS[3:], ["analyse: lacks pipeline.audio.files"]),
        (DEPS[:3] + DEPS[4:], ["analyse: lacks pipeline.audio.pitch"]),  # two imports away, one inside a function
        ([*DEPS, "pipeline/conversion"], ["analyse: names pipeline/conversion for nothing"]),
        ([*DEPS, "pipeline/gone.py"], ["analyse: names pipeline/gone.py for nothing"]),
        ([*DEPS[:-1], "pipeline/vocoder/world.py"], []),
    ],
)
def test_wrong_deps_are_seen(deps: list[str], found: list[str]) -> None:
    assert wrong_deps("analyse", deps, dict(INVENTED)) == found


def test_a_program_that_is_run_must_be_a_dependency() -> None:
    modules = {"pipeline.stages.demo_corpus": "import subprocess\nX = 1", "pipeline.corpora.espeak": "X = 1"}
    own = "pipeline/stages/demo_corpus.py"
    assert wrong_deps("demo_corpus", [own], modules) == ["demo_corpus: lacks pipeline/corpora/espeak.py"]
    assert wrong_deps("demo_corpus", [own, "pipeline/corpora/espeak.py"], modules) == []


@pytest.mark.parametrize(
    ("stage", "declared", "found"),
    [
        ("analyse", ["audio"], []),
        ("analyse", [], ["analyse: lacks params audio"]),
        ("analyse", ["audio", "seed"], ["analyse: does not load params seed"]),
        ("split", ["seed"], ["split: lacks params split", "split: does not load params seed"]),
    ],
)
def test_wrong_params_are_seen(stage: str, declared: list[str], found: list[str]) -> None:
    assert wrong_params(stage, declared, INVENTED[f"pipeline.stages.{stage}"]) == found


@pytest.mark.parametrize(
    ("importer", "line"),
    [
        ("pipeline.audio.files", "import pipeline.conversion.training"),
        ("pipeline.audio.files", "from pipeline.stages import split"),
        ("pipeline.core.params", "from pipeline.audio import files"),
        ("pipeline.conversion.training", "from pipeline.classification import svm"),
        ("pipeline.vocoder.world", "def f():\n    from pipeline.conversion.training import train"),
        ("pipeline.stages.split", "from pipeline.stages.analyse import main"),
        ("pipeline.stages.split", "from pipeline.cli import workspace"),
    ],
)
def test_imports_the_wrong_way_are_seen(importer: str, line: str) -> None:
    assert wrong_imports(dict(INVENTED)) == []
    [found] = wrong_imports(INVENTED | {importer: line})
    assert found.startswith(f"{importer} imports pipeline.")

"""The workspace as a person leaves it: params.yaml, data/raw, and what is wrong with them before `dvc repro` starts."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from pipeline.augmentation.arms import ARMS, COPIES, GENERATORS, converts
from pipeline.conversion import pairs
from pipeline.core import manifest, params
from pipeline.core.files import atomic_write
from pipeline.core.manifest import EMOTIONS, REPEATED
from pipeline.corpora import AGREED_FOLDS, CORPORA, DEMO, expected, ingestion
from pipeline.corpora.table import TableParams
from pipeline.data import splits
from pipeline.data.splits import NEUTRAL, Cross, Imbalanced, NeutralOnly, SplitParams
from pipeline.leakage import audit
from pipeline.leakage.rules import Leak

BASELINE = "none"  # the arm that others are compared with
LISTS = (
    *("corpora", "scenarios", "folds", "pairs", "conversions", "perturbations", "vocoders", "dcgan_scenarios", "arms"),
    "emotions",
    *("classify.classifiers", "classify.seeds"),
)
MAY_BE_EMPTY = ("pairs", "conversions", "perturbations", "vocoders", "dcgan_scenarios", "classify.seeds")

Values = Mapping[str, Any]  # key of params.yaml, dots between levels → what stands there; only keys that are right


class WorkspaceError(click.ClickException):
    """The workspace is not as asked, or what was asked would lose something."""


def problems(
    path: Path, raw: Path, sections: Values, elsewhere: Mapping[str, Path] = MappingProxyType({})
) -> list[str]:
    """All that would stop `dvc repro`, as far as params.yaml and the folders of the corpora show it.

    Args:
        path: params.yaml
        raw: folder of the corpora's folders
        sections: what params.yaml must have: key, dots between levels → a type or a `params.section`
        elsewhere: corpora that are to be linked → their folders, which count in place of those in `raw`

    Raises:
        ParamsError: there is no params.yaml, or it is not YAML
    """
    values, said = _loaded(path, sections)
    if "classify" in values:
        of_classify = ("classifiers", "names", "known", "seeds")
        values |= {f"classify.{key}": getattr(values["classify"], key) for key in of_classify}
    if isinstance(tables := params.read(path).get("tables"), dict):  # whatever else is wrong there, these have a table
        values["tables.names"] = set(tables)
    for rule in (_lists, _words, _pairs, _arms, _folds, _scenarios, _vocoder, _weights):
        said += [f"{path}: {line}" for line in dict.fromkeys(rule(values))]
    tables = values.get("tables", {})
    return said + [
        line
        for corpus in values.get("corpora", ())
        for line in _raw(corpus, elsewhere.get(corpus, raw / corpus), tables)
    ]


def misfits(path: Path, sections: Values) -> list[str]:
    """What a params.yaml has or lacks against the schema; arguments and errors as for `problems`."""
    return _loaded(path, sections)[1]


def to_link(wanted: str, raw: Path, tables: Collection[str]) -> tuple[str, Path]:
    """A corpus, and the folder that its folder in `raw` is to be a link to; nothing is changed.

    Args:
        wanted: `ravdess=/some/folder`
        raw: folder of the corpora's folders
        tables: corpora that params.yaml adds to the known ones

    Raises:
        WorkspaceError: no such corpus or folder, or something is there that is not a link
    """
    corpus, _, folder = wanted.partition("=")
    known = {*CORPORA, *tables} - {DEMO}
    if corpus not in known or not folder:
        raise WorkspaceError(f"--raw {wanted}: expected CORPUS=FOLDER{params.nearest(corpus, known)}")
    target = Path(folder).expanduser().resolve()
    if not target.is_dir():
        raise WorkspaceError(f"--raw {wanted}: no such folder; {expected(corpus)}")
    link = raw / corpus
    if link.exists() and not link.is_symlink():
        raise WorkspaceError(f"{link}: is not a link, so it stays; move it away, or do without --raw {corpus}=…")
    return corpus, target


def link_raw(corpus: str, target: Path, raw: Path) -> None:
    """Make the folder of a corpus in `raw` a link; an older link stays where the new one cannot be made."""
    with atomic_write(raw / corpus) as temporary:
        temporary.symlink_to(target, target_is_directory=True)


def leaks(path: Path, data: Path) -> Iterator[tuple[str, str, list[Leak]]]:
    """Each split and arm that params.yaml asks for, and what leaks in it.

    Args:
        path: params.yaml
        data: folder of what the pipeline has made

    Raises:
        click.ClickException: something is missing
    """
    scenarios = params.load(path, "scenarios", tuple[str, ...])
    folds = params.load(path, "folds", tuple[int, ...])
    arms = params.load(path, "arms", tuple[str, ...])
    chosen = params.load(path, "split", SplitParams)
    places = audit.Places(data / "manifest.parquet", data / "splits", data / "augmented", data / "predictions")
    clips = manifest.read(places.manifest, manifest.CLIPS)
    for scenario, fold in product(scenarios, folds):
        split = f"{scenario}-{fold}"
        wanted = splits.partitions(clips, fold, chosen.scenarios[scenario], chosen, AGREED_FOLDS)
        stale = audit.other_split(places.splits / f"{split}.parquet", wanted, chosen.sentence_groups > 1)
        for arm in arms:
            yield split, arm, [*stale, *audit.of_arm(places, split, arm)]


def dvc(*arguments: str) -> int:
    """Exit code of a command of DVC, whose stages run this `python` even where .venv is not activated."""
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    environment = os.environ | {"PATH": os.pathsep.join(folders), "DVC_NO_ANALYTICS": "1"}
    return subprocess.run([sys.executable, "-m", "dvc", *arguments], env=environment, check=False).returncode


def stages() -> set[str]:
    """Names of all stages that `dvc repro` would run here with this params.yaml."""
    from dvc.repo import Repo

    with Repo() as repo:
        return {stage.addressing for stage in repo.index.stages}


def _loaded(path: Path, sections: Values) -> tuple[dict[str, Any], list[str]]:
    """What is right in params.yaml, by key; and what is wrong there."""
    found = params.read(path)
    said = [*_unknown(found, sections, path)]
    values: dict[str, Any] = {}
    for key, kind in sections.items():
        if key.partition(".")[0] not in found:
            said.append(f"{path}: '{key}' is missing")
            continue
        try:
            values[key] = params.load(path, key, kind)
        except params.ParamsError as error:
            said.append(error.message)
    return values, said


def _unknown(found: Mapping[str, Any], sections: Values, path: Path) -> Iterable[str]:
    """Keys that no section is called by, at the levels above the sections."""
    levels: dict[str, set[str]] = {}  # key with its dots, "" for the top → keys below it
    for name in sections:
        above, _, key = name.rpartition(".")
        levels.setdefault("", set()).add(name.partition(".")[0])
        levels.setdefault(above, set()).add(key)
    for above, known in levels.items():
        here = found.get(above) if above else found
        for key in here if isinstance(here, dict) else ():
            if key not in known:
                yield f"{path}: '{above}{'.' * bool(above)}{key}' is not known{params.nearest(str(key), known)}"


def _lists(values: Values) -> Iterable[str]:
    for key in LISTS:
        counts: Counter[object] = Counter(values.get(key, ()))
        for item, count in counts.items():
            if count > 1:
                yield f"'{key}': '{item}' is there {count} times"
        if key in values and not values[key] and key not in MAY_BE_EMPTY:
            yield f"'{key}' is empty"


def _words(values: Values) -> Iterable[str]:
    """Words that must be among others."""
    emotion_map = values.get("emotion_map", {})
    evaluated, split, mix = (values.get(key) for key in ("evaluate", "split", "augment.mix"))
    primary = evaluated and evaluated.primary
    scenarios = set(split.scenarios) if split else None
    for key, words, known in (
        ("corpora", values.get("corpora"), {*CORPORA, *values["tables.names"]} if "tables.names" in values else None),
        ("split.train_only", split and split.train_only, values.get("corpora")),
        ("arms", values.get("arms"), set(ARMS)),
        ("emotions", values.get("emotions"), set(EMOTIONS)),
        ("emotion_map", [*emotion_map, *emotion_map.values()], set(EMOTIONS)),
        ("scenarios", values.get("scenarios"), scenarios),
        *(
            (key, values.get(key), {name for name, generator in GENERATORS.items() if generator.wanted_in == key})
            for key in ("conversions", "perturbations")
        ),
        ("augment.mix.towards", mix and mix.towards, values.get("emotions")),
        ("dcgan_scenarios", values.get("dcgan_scenarios"), values.get("scenarios")),
        ("augment.headline_arm", _alone(values.get("augment.headline_arm")), values.get("arms")),
        ("evaluate.scenario", _alone(evaluated and evaluated.scenario), values.get("scenarios")),
        ("evaluate.references", evaluated and evaluated.references, set(ARMS)),
        ("evaluate.primary.arm", _alone(primary and primary.arm), set(ARMS)),
        ("evaluate.primary.references", primary and primary.references, evaluated and evaluated.references),
        ("evaluate.primary.scenarios", primary and primary.scenarios, scenarios),
        ("evaluate.classifier", _alone(evaluated and evaluated.classifier), values.get("classify.names")),
        (
            "evaluate.primary.classifier",
            _alone(primary and primary.classifier),
            values.get("classify.known"),
        ),
    ):
        if words is not None and known is not None:
            for word in dict.fromkeys(words):
                if word not in known:
                    yield f"'{key}': '{word}' is not known{params.nearest(word, known)}"
    for corpus in values.get("tables", ()):
        if corpus in CORPORA:
            yield f"'tables': '{corpus}' is a corpus that the pipeline knows; give your own another name"


def _pairs(values: Values) -> Iterable[str]:
    emotions: Collection[str] = values.get("emotions", EMOTIONS)
    for pair in dict.fromkeys(values.get("pairs", ())):
        try:
            pairs.parse(pair, emotions)
        except pairs.PairError as error:
            yield f"'pairs': {error.message}"


def _arms(values: Values) -> Iterable[str]:
    arms = values.get("arms", ())
    if arms and BASELINE not in arms:
        yield f"'arms': '{BASELINE}' is missing, which the others are compared with"
    evaluated = values.get("evaluate")
    if evaluated and BASELINE not in evaluated.references:
        yield f"'evaluate.references': '{BASELINE}' is missing, to which every gain is one"
    needs = {(name, arm) for arm in arms if arm in ARMS for name in ARMS[arm].generators if name != REPEATED}
    if values.get("augment.vocode_real"):
        needs |= {(COPIES, arm) for arm in arms if arm in ARMS and converts(arm)}
    for name, arm in sorted(needs):
        key = GENERATORS[name].wanted_in
        if GENERATORS[name].of_pairs and "pairs" in values and not values["pairs"]:
            yield f"'pairs' is empty, but arm '{arm}' needs what is trained on them"
        wanted = values.get("scenarios", ()) if key == "dcgan_scenarios" else [name]
        for word in wanted if key in values else ():
            if word not in values[key]:
                yield f"'{key}' lacks '{word}', which arm '{arm}' needs"


def _folds(values: Values) -> Iterable[str]:
    """Folds that a corpus does not have, and corpora with too few speakers for any, as far as that is known."""
    if "split" not in values:
        return
    split = values["split"]
    for name in values.get("scenarios", ()):
        scenario = split.scenarios.get(name)
        cut = values.get("corpora", ())
        if isinstance(scenario, Cross):
            cut = scenario.train if scenario.kind == "cross_corpus" else ()
        for corpus in cut:
            if corpus in split.train_only or scenario is None:
                continue
            about = CORPORA.get(corpus)
            speakers = len({speaker for speaker, _ in about.expected_counts}) if about else 0
            count = speakers if split.n_folds == "speakers" else split.n_folds
            known = about.folds if about and about.folds and not isinstance(scenario, Cross) else range(1, count + 1)
            if speakers and len(known) > speakers:
                few = f"{corpus} has {speakers} speakers, too few for {len(known)} folds"
                yield f"'split.train_only': {few}; name it there"
            for fold in dict.fromkeys(values.get("folds", ())) if known else ():
                if fold not in known:
                    yield f"'folds': {corpus} has no fold {fold}, expected {min(known)} to {max(known)}"


def _scenarios(values: Values) -> Iterable[str]:
    """What the chosen scenarios ask for and the corpora or emotions do not have."""
    for name in values.get("scenarios", ()) if "split" in values else ():
        asked: tuple[str, Iterable[str]] = ("emotions", ())
        match values["split"].scenarios.get(name):
            case Cross("cross_corpus", train, test):
                asked = ("corpora", [*train, *test])
            case Imbalanced(keep=keep):
                asked = ("emotions", keep)
            case NeutralOnly():
                asked = ("emotions", [NEUTRAL])
        for word in asked[1]:
            if asked[0] in values and word not in values[asked[0]]:
                yield f"'split.scenarios.{name}' needs '{word}', which is not among '{asked[0]}'"


def _vocoder(values: Values) -> Iterable[str]:
    if (
        "vocoder" in values
        and "prosody" in values
        and (params_error := values["vocoder"].params_error(values["prosody"].f0))
    ):
        yield params_error
    if "vocoder" in values and "vocoders" in values and (said := values["vocoder"].unlisted(values["vocoders"])):
        yield said
    if "vocoder" in values and "vtlp" in values.get("perturbations", ()):
        if params_error := values["vocoder"].vtlp_error():
            yield params_error


def _weights(values: Values) -> Iterable[str]:
    if "ssl" in values.get("classify.classifiers", ()) and (params_error := values["classify"].ssl.params_error()):
        yield params_error


def _raw(corpus: str, folder: Path, tables: Mapping[str, TableParams]) -> Iterable[str]:
    """What is wrong with a corpus's folder."""
    if corpus not in {*CORPORA, *tables} or corpus == DEMO:
        return
    if folder.is_symlink() and not folder.exists():
        yield f"{folder}: is a link to {folder.readlink()}, which is not there; {expected(corpus)}"
    elif not folder.is_dir():
        yield f"{folder}: no such folder; {expected(corpus)}"
    elif corpus in tables:
        if not (folder / tables[corpus].table).is_file():
            yield f"{folder / tables[corpus].table}: no such file, which 'tables.{corpus}.table' names"
    elif not any(map(ingestion.is_audio, ingestion.files_below(folder))):
        yield f"{folder}: holds no audio file; {expected(corpus)}"


def _alone(word: str | None) -> list[str] | None:
    return None if word is None else [word]

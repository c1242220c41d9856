"""Rules of params.yaml between values of several sections: names that are defined, and what a value needs elsewhere."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pipeline.augmentation.arms import ARMS, ENROLLED, GENERATORS, needs_enrolment
from pipeline.cli.executors import DEFAULT
from pipeline.cli.main import STAGES
from pipeline.conversion import pairs
from pipeline.core import params
from pipeline.core.manifest import EMOTIONS, NEUTRAL, REPEATS
from pipeline.corpora import CORPORA
from pipeline.data.scenarios import Cross, Enrolment, Imbalanced, NeutralOnly, NeutralTarget
from pipeline.evaluation.results import BASELINE

LISTS = (
    *("corpora", "scenarios", "folds", "pairs", "conversions", "perturbations", "vocoders", "banks"),
    *("dcgan_scenarios", "arms", "emotions", "standard_scorers.assess", "standard_scorers.augment"),
    *("classify.classifiers", "classify.normalisations", "classify.seeds"),
)
MAY_BE_EMPTY = (
    *("pairs", "conversions", "perturbations", "vocoders", "banks", "dcgan_scenarios"),
    *("standard_scorers.assess", "standard_scorers.augment", "classify.seeds"),
)

Values = Mapping[str, Any]  # key of params.yaml, dots between levels → its value; only keys with a valid value


def broken(values: Values) -> Iterable[str]:
    """A line for each rule that the values break; none for keys that are not among them."""
    rules = (_lists, _words, _pairs, _arms, _folds, _scenarios, _vocoder, _voices, _licenses, _weights)
    return (line for rule in rules for line in dict.fromkeys(rule(values)))


def _lists(values: Values) -> Iterable[str]:
    for key in LISTS:
        counts: Counter[object] = Counter(values.get(key, ()))
        for item, count in counts.items():
            if count > 1:
                yield f"'{key}': '{item}' is listed {count} times"
        if key in values and not values[key] and key not in MAY_BE_EMPTY:
            yield f"'{key}' is empty"


def _words(values: Values) -> Iterable[str]:
    """Names that are not defined elsewhere in params.yaml or in the code."""
    emotion_map = values.get("emotion_map", {})
    evaluated, split, mix, chosen = (values.get(key) for key in ("evaluate", "split", "augment.mix", "executor"))
    primary = evaluated and evaluated.primary
    scenarios = set(split.scenarios) if split else None
    pooled = evaluated.pooled if evaluated else {}
    for key, words, known in (
        ("corpora", values.get("corpora"), {*CORPORA, *values["tables.names"]} if "tables.names" in values else None),
        ("split.train_only", split and split.train_only, values.get("corpora")),
        ("executor.resources", chosen and chosen.resources, {DEFAULT, *STAGES}),
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
        ("evaluate.scenario", _alone(evaluated and evaluated.scenario), (*values.get("scenarios", ()), *pooled)),
        *((f"evaluate.pooled.{name}", words, values.get("scenarios")) for name, words in pooled.items()),
        ("evaluate.references", evaluated and evaluated.references, set(ARMS)),
        ("evaluate.primary.arm", _alone(primary and primary.arm), set(ARMS)),
        ("evaluate.primary.references", primary and primary.references, evaluated and evaluated.references),
        ("evaluate.primary.scenarios", primary and primary.scenarios, scenarios and {*scenarios, *pooled}),
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
    if chosen and DEFAULT not in chosen.resources:
        yield f"'executor.resources': '{DEFAULT}' is missing, the resources of stages that have none of their own"
    for corpus in values.get("tables", ()):
        if corpus in CORPORA:
            yield f"'tables': '{corpus}' is the name of a known corpus; rename your own"


def _pairs(values: Values) -> Iterable[str]:
    emotions: Collection[str] = values.get("emotions", EMOTIONS)
    if values.get("pairs") and "train_cyclegan" in values and NEUTRAL not in emotions:
        if values["train_cyclegan"].normalisation == "speaker":
            yield f"'train_cyclegan.normalisation' is 'speaker', but '{NEUTRAL}' is not among 'emotions'"
    for pair in dict.fromkeys(values.get("pairs", ())):
        try:
            pairs.parse(pair, emotions)
        except pairs.PairError as error:
            yield f"'pairs': {error.message}"


def _arms(values: Values) -> Iterable[str]:
    arms = values.get("arms", ())
    if arms and BASELINE not in arms:
        yield f"'arms': '{BASELINE}' is missing, the arm that all others are compared with"
    evaluated = values.get("evaluate")
    if evaluated and BASELINE not in evaluated.references:
        yield f"'evaluate.references': '{BASELINE}' is missing, the first reference of every gain"
    needs = {(name, arm) for arm in arms if arm in ARMS for name in ARMS[arm].generators if name not in REPEATS}
    for name, arm in sorted(needs):
        key = GENERATORS[name].wanted_in
        if GENERATORS[name].of_pairs and "pairs" in values and not values["pairs"]:
            yield f"'pairs' is empty, but arm '{arm}' needs models of pairs"
        wanted = values.get("scenarios", ()) if key == "dcgan_scenarios" else [name]
        for word in wanted if key in values else ():
            if word not in values[key]:
                yield f"'{key}' lacks '{word}', which arm '{arm}' needs"


def _folds(values: Values) -> Iterable[str]:
    """Folds that a corpus does not have, and corpora with too few speakers, where the number of speakers is known."""
    if "split" not in values:
        return
    split = values["split"]
    for name in values.get("scenarios", ()):
        scenario = split.scenarios.get(name)
        cut: tuple[str, ...] = values.get("corpora", ())  # corpora with folds
        sources: tuple[str, ...] = ()  # those of them whose published folds are not used
        match scenario:
            case Cross(kind, train):
                cut = sources = train if kind == "cross_corpus" else ()
            case NeutralTarget(_, train, test):
                cut, sources = (*train, *test), train
        for corpus in cut:
            if corpus in split.train_only or scenario is None:
                continue
            about = CORPORA.get(corpus)
            speakers = len({speaker for speaker, _ in about.expected_counts}) if about else 0
            count = speakers if split.n_folds == "speakers" else split.n_folds
            known = about.folds if about and about.folds and corpus not in sources else range(1, count + 1)
            if speakers and len(known) > speakers:
                few = f"{corpus} has {speakers} speakers, too few for {len(known)} folds"
                yield f"'split.train_only': {few}; add it to this list"
            for fold in dict.fromkeys(values.get("folds", ())) if known else ():
                if fold not in known:
                    yield f"'folds': {corpus} has no fold {fold}, expected {min(known)} to {max(known)}"


def _scenarios(values: Values) -> Iterable[str]:
    """Corpora or emotions that scenarios and normalisations need and params.yaml does not list."""
    if "corpus" in values.get("classify.normalisations", ()) and NEUTRAL not in values.get("emotions", (NEUTRAL,)):
        yield f"'classify.normalisations' has 'corpus', but '{NEUTRAL}' is not among 'emotions'"
    for name in values.get("scenarios", ()) if "split" in values else ():
        asked: tuple[str, Iterable[str]] = ("emotions", ())
        scenario = values["split"].scenarios.get(name)
        match scenario:
            case Cross("cross_corpus", train, test) | NeutralTarget(_, train, test):
                asked = ("corpora", [*train, *test])
            case Imbalanced(keep=keep):
                asked = ("emotions", keep)
            case NeutralOnly() | Enrolment():
                asked = ("emotions", [NEUTRAL])
        for word in asked[1]:
            if asked[0] in values and word not in values[asked[0]]:
                yield f"'split.scenarios.{name}' needs '{word}', which is not among '{asked[0]}'"
        for arm in values.get("arms", ()) if not isinstance(scenario, Enrolment) else ():
            if arm in ARMS and needs_enrolment(arm):
                yield f"'arms' has '{arm}', but scenario '{name}' is not of kind 'enrolment'"
        if "neutral" in values.get("classify.normalisations", ()) and not isinstance(scenario, Enrolment):
            yield f"'classify.normalisations' has 'neutral', but scenario '{name}' is not of kind 'enrolment'"
        if "corpus" in values.get("classify.normalisations", ()) and isinstance(scenario, Cross):
            yield f"'classify.normalisations' has 'corpus', but in scenario '{name}' no test corpus has train clips"
        if ENROLLED in values.get("perturbations", ()) and not isinstance(scenario, Enrolment):
            yield f"'perturbations' has '{ENROLLED}', but scenario '{name}' is not of kind 'enrolment'"


def _vocoder(values: Values) -> Iterable[str]:
    if "vocoder" in values and "prosody" in values and (error := values["vocoder"].params_error(values["prosody"].f0)):
        yield error
    if "vocoder" in values and "vocoders" in values and (error := values["vocoder"].unlisted(values["vocoders"])):
        yield error
    if "vocoder" in values and "classify.front_end" in values:
        yield from filter(None, [values["vocoder"].front_end_error(values["classify.front_end"])])
    if "vocoder" in values:
        yield from filter(None, map(values["vocoder"].world_error, values.get("perturbations", ())))


def _voices(values: Values) -> Iterable[str]:
    if "speaker_conversion" in values.get("perturbations", ()) and "speaker_conversion" in values:
        if "bank" in values["speaker_conversion"].targets and "banks" in values and not values["banks"]:
            yield "'speaker_conversion.targets' has 'bank', but 'banks' is empty"


def _licenses(values: Values) -> Iterable[str]:
    for name in values.get("bank_licenses", ()):
        if name not in values.get("banks", (name,)):
            yield f"'bank_licenses' has '{name}', expected one of 'banks'{params.nearest(name, values['banks'])}"


def _weights(values: Values) -> Iterable[str]:
    if "augment.gate" in values and "standard_scorers.augment" in values:
        for name in sorted(values["augment.gate"].needed() - set(values["standard_scorers.augment"])):
            yield f"'standard_scorers.augment' lacks '{name}', which 'augment.gate.min_scores' needs"
    for name in values.get("classify.classifiers", ()):
        if name in ("pretrained", "ssl") and (error := getattr(values["classify"], name).params_error()):
            yield error


def _alone(word: str | None) -> list[str] | None:
    return None if word is None else [word]

"""The table of classifiers, and the section `classify` of params.yaml."""

from collections.abc import Mapping
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from pipeline.audio.acoustics import FrontEnd
from pipeline.classification import cnn, pretrained, ssl, svm
from pipeline.classification.interface import Classifier
from pipeline.core import predictions
from pipeline.core.params import section

# By name in params.yaml and in predictions; a new classifier is a new row, and a section `classify.<name>`.
CLASSIFIERS: Mapping[str, Classifier] = {
    "svm": Classifier(svm.SvmParams, svm.features, svm.runs, svm.predict),
    "cnn": Classifier(cnn.CnnParams, cnn.features, cnn.runs, cnn.predict),
    "pretrained": Classifier(pretrained.PretrainedParams, pretrained.features, pretrained.runs, svm.predict, True),
    "ssl": Classifier(ssl.SslParams, ssl.features, ssl.runs, ssl.predict, reads_audio=True),
}


def _known(name: str) -> str:
    if name not in CLASSIFIERS:
        raise ValueError(f"expected one of {', '.join(CLASSIFIERS)}")
    return name


@section
class CommonParams:
    """Classifiers to run, how often, and of what their features are."""

    classifiers: tuple[Annotated[str, AfterValidator(_known)], ...]
    seeds: Annotated[tuple[int, ...], Field(min_length=1)]  # of the networks; the others have one run, seed 0
    front_end: FrontEnd  # vocoded: real clips, and synthetic ones that did not, pass the vocoder first
    normalisations: Annotated[tuple[Literal["train", "speaker", "neutral", "corpus"], ...], Field(min_length=1)]

    def __post_init__(self) -> None:
        """A classifier that reads the files would get real clips that did not pass the vocoder."""
        readers = [name for name in self.classifiers if CLASSIFIERS[name].reads_audio]
        if self.front_end == FrontEnd.VOCODED and readers:
            raise ValueError(f"'{readers[0]}' reads the recordings themselves: expected front_end natural with it")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classifiers in predictions."""
        return tuple(self.name(*each) for each in product(self.classifiers, self.normalisations))

    def name(self, classifier: str, normalisation: str) -> str:
        """Name of a classifier in predictions: `svm+vocoded+speaker_norm`."""
        vocoded = predictions.VOCODED * (self.front_end == FrontEnd.VOCODED)
        return classifier + vocoded + predictions.NORMALISED[normalisation]

    @property
    def known(self) -> tuple[str, ...]:
        """All names that classifiers may have in predictions."""
        suffixes = product(("", predictions.VOCODED), predictions.NORMALISED.values())
        return tuple(name + front_end + norm for front_end, norm in suffixes for name in CLASSIFIERS)


def _with_sections() -> type[CommonParams]:
    """`CommonParams` with a section for each classifier, by its name."""
    fields: dict[str, Any] = {name: classifier.params for name, classifier in CLASSIFIERS.items()}
    body = {"__annotations__": fields, "__module__": __name__, "__doc__": CommonParams.__doc__}
    return section(type("ClassifyParams", (CommonParams,), body))


ClassifyParams = _with_sections()

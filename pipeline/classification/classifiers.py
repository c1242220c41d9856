"""The table of classifiers, and the section `classify` of params.yaml."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from pipeline.classification import cnn, pretrained, ssl, svm
from pipeline.classification.interface import Classifier
from pipeline.core import predictions
from pipeline.core.params import section

# By name in params.yaml and in predictions; a new classifier is a new row, and a section `classify.<name>`.
CLASSIFIERS: Mapping[str, Classifier] = {
    "svm": Classifier(svm.SvmParams, svm.features, svm.runs),
    "cnn": Classifier(cnn.CnnParams, cnn.features, cnn.runs),
    "pretrained": Classifier(pretrained.PretrainedParams, pretrained.features, svm.runs),
    "ssl": Classifier(ssl.SslParams, ssl.features, ssl.runs),
}


def _known(name: str) -> str:
    if name not in CLASSIFIERS:
        raise ValueError(f"expected one of {', '.join(CLASSIFIERS)}")
    return name


@section
class CommonParams:
    """Classifiers to run, how often, and how their features are normalised."""

    classifiers: tuple[Annotated[str, AfterValidator(_known)], ...]
    seeds: Annotated[tuple[int, ...], Field(min_length=1)]  # of the networks; the others have one run, seed 0
    normalisation: Literal["train", "speaker"]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classifiers in predictions."""
        return tuple(name + predictions.BY_SPEAKER * (self.normalisation == "speaker") for name in self.classifiers)

    @property
    def known(self) -> tuple[str, ...]:
        """All names that classifiers may have in predictions."""
        return tuple(name + suffix for suffix in ("", predictions.BY_SPEAKER) for name in CLASSIFIERS)


def _with_sections() -> type[CommonParams]:
    """`CommonParams` with a section for each classifier, by its name."""
    fields: dict[str, Any] = {name: classifier.params for name, classifier in CLASSIFIERS.items()}
    body = {"__annotations__": fields, "__module__": __name__, "__doc__": CommonParams.__doc__}
    return section(type("ClassifyParams", (CommonParams,), body))


ClassifyParams = _with_sections()

"""The corpora that can be ingested.

A further one (CREMA-D, SAVEE, ESD …) is one file beside this, with a `CORPUS`, and one line in the table.
"""

from collections.abc import Mapping

from pipeline.corpora import demo, ravdess
from pipeline.corpora.corpus import Corpus

CORPORA: Mapping[str, Corpus] = {
    "demo": demo.CORPUS,
    "ravdess": ravdess.CORPUS,
}

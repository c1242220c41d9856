"""The corpora whose names the pipeline knows: each is one file beside this with a `CORPUS`, and a line in the table.

Any other comes with a table of its own (`pipeline.corpora.table`).
"""

from collections.abc import Mapping

from pipeline.corpora import cremad, demo, emodb, emovo, esd, ravdess, savee, tess
from pipeline.corpora.corpus import Corpus

CORPORA: Mapping[str, Corpus] = {
    "demo": demo.CORPUS,
    "ravdess": ravdess.CORPUS,
    "cremad": cremad.CORPUS,
    "savee": savee.CORPUS,
    "esd": esd.CORPUS,
    "emodb": emodb.CORPUS,
    "tess": tess.CORPUS,
    "emovo": emovo.CORPUS,
}

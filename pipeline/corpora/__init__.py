"""Corpora with labels in file names: each is a module here with a `CORPUS`, and an entry in `CORPORA`.

Any other corpus needs a table of its clips (`pipeline.corpora.table`).
"""

import re
from collections.abc import Mapping

from pipeline.corpora import cremad, demo, emodb, emovo, esd, nemo, ravdess, savee, tess
from pipeline.corpora.corpus import Corpus, Folds

NO_DERIVATIVES = re.compile(r"\bND\b|no[ -]?deriv", re.IGNORECASE)  # in the licence of a table

DEMO = "demo"  # written by the stage demo_corpus

CORPORA: Mapping[str, Corpus] = {
    "demo": demo.CORPUS,
    "ravdess": ravdess.CORPUS,
    "cremad": cremad.CORPUS,
    "savee": savee.CORPUS,
    "esd": esd.CORPUS,
    "emodb": emodb.CORPUS,
    "tess": tess.CORPUS,
    "emovo": emovo.CORPUS,
    "nemo": nemo.CORPUS,
}

AGREED_FOLDS: Mapping[str, Folds] = {name: corpus.folds for name, corpus in CORPORA.items() if corpus.folds}


def expected(name: str) -> str:
    """Expected content of a corpus's folder, for an error; a corpus that is not in `CORPORA` has a table."""
    if name not in CORPORA:
        return "expected the table that describes the corpus there, and its audio, or a link to their folder"
    corpus = CORPORA[name]
    return f"expected the clips of {corpus.title} there, or a link to them; where to get them: {corpus.source}"


def restriction(license: str) -> str:
    """Why audio under a licence may not be passed on, such as `no derivatives`; empty if nothing is known against it.

    Args:
        license: column of the manifest; of a generator that learned from several corpora, all of them
    """
    known = [corpus.restriction for corpus in CORPORA.values() if corpus.restriction and corpus.license in license]
    return known[0] if known else "no derivatives" if NO_DERIVATIVES.search(license) else ""

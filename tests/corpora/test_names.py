"""Names of real files of each corpus, every code in them, malformed names, and numbers of clips."""

from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath

import pytest

from pipeline.corpora import CORPORA, cremad, emodb, emovo, esd, nemo, ravdess, savee, tess
from pipeline.corpora.corpus import Labels, UnknownNameError
from pipeline.corpora.demo import VOICES

KIDS, DOGS = "Kids are talking by the door", "Dogs are sitting by the door"
CLOTH = "Der Lappen liegt auf dem Eisschrank."
DOCTOR = "I think I have a doctor's appointment"
ANGRY = Labels("0011_000351", "0011", "angry", "Angry", None, None, "male", "en", "esd-en-001")
SURPRISED = Labels("0001_001417", "0001", "surprised", "Surprise", None, None, "female", "zh", "esd-zh-017")
SAD = Labels("DC_sa03", "DC", "sad", "sa", None, None, "male", "en")
PS = ("surprised", "ps", None, None, "female", "en", "Say the word food.")

# Paths, as in the layouts that are about, and their labels.
REAL: Mapping[str, Mapping[str, Labels]] = {
    "ravdess": {
        "Actor_07/03-01-05-02-01-02-07.wav": Labels(
            "03-01-05-02-01-02-07", "07", "angry", "05", "high", "02", "male", "en", KIDS
        ),
        "03-01-01-01-02-01-20.flac": Labels(
            "03-01-01-01-02-01-20", "20", "neutral", "01", "medium", "01", "female", "en", DOGS
        ),
    },
    "cremad": {
        "AudioWAV/1001_DFA_ANG_XX.wav": Labels(
            "1001_DFA_ANG_XX", "1001", "angry", "ANG", None, "XX", None, "en", "Don't forget a jacket"
        ),
        # So the file is called; the lists have XX.
        "1040_ITH_SAD_X.wav": Labels("1040_ITH_SAD_XX", "1040", "sad", "SAD", None, "X", None, "en", DOCTOR),
    },
    "savee": {
        **dict.fromkeys(("AudioData/DC/sa03.wav", "DC_sa03.wav", "DC/DC_sa03.wav"), SAD),
        "ALL/KL_a01.wav": Labels("KL_a01", "KL", "angry", "a", None, None, "male", "en"),
    },
    "esd": {
        "0011/Angry/0011_000351.wav": ANGRY,
        "0011/Angry/evaluation/0011_000351.wav": ANGRY,
        "Emotion Speech Dataset/0011/Neutral/0011_000351.wav": ANGRY,  # the number decides
        "0001/Surprise/train/0001_001417.wav": SURPRISED,
    },
    "emodb": {
        "wav/03a01Fa.wav": Labels("03a01Fa", "03", "happy", "F", None, None, "male", "de", CLOTH),
        "08a04Ff.wav": Labels("08a04Ff", "08", "happy", "F", None, None, "female", "de", emodb.TEXTS["a04"]),
        "03a01F.wav": Labels("03a01F", "03", "happy", "F", None, None, "male", "de", CLOTH),
    },
    "tess": {
        "OAF_angry/OAF_back_angry.wav": Labels(
            "OAF_back_angry", "OAF", "angry", "angry", None, None, "female", "en", "Say the word back."
        ),
        "TESS Toronto emotional speech set data/YAF_pleasant_surprised/YAF_food_ps.wav": Labels(
            "YAF_food_ps", "YAF", *PS
        ),
        "OAF_Pleasant_surprise/OAF_food_ps.wav": Labels("OAF_food_ps", "OAF", *PS),
        "OAF_neutral/OA_bite_neutral.wav": Labels(  # so this one is called
            "OAF_bite_neutral", "OAF", "neutral", "neutral", None, None, "female", "en", "Say the word bite."
        ),
    },
    "emovo": {
        "EMOVO/f1/dis-f1-b1.wav": Labels("dis-f1-b1", "f1", "disgust", "dis", None, None, "female", "it", "emovo-b1"),
        "tri-m3-n5.wav": Labels("tri-m3-n5", "m3", "sad", "tri", None, None, "male", "it", "emovo-n5"),
    },
    "nemo": {
        "samples/WR0_anger_64.wav": Labels(
            "WR0_anger_64", "WR0", "angry", "anger", None, None, "male", "pl", "nemo-64"
        ),
    },
    "demo": {
        "f03/f03_s2_angry_high.flac": Labels(
            "f03_s2_angry_high", "f03", "angry", "angry", "high", "high", "female", "en", "demo-s2"
        ),
        "f01_s1_sad_low.flac": Labels("f01_s1_sad_low", "f01", "sad", "sad", "low", "low", "female", "en", "demo-s1"),
    },
}
# Pattern of a name, a label in it, and the label of each code.
CODES: list[tuple[str, str, str, Mapping[str, str | None]]] = [
    ("ravdess", "03-01-{}-01-01-01-01.wav", "emotion", ravdess.EMOTIONS),
    ("ravdess", "03-01-05-01-01-01-{}.wav", "gender", ravdess.ACTORS),
    ("cremad", "1001_DFA_{}_XX.wav", "emotion", cremad.EMOTIONS),
    ("cremad", "1001_{}_ANG_XX.wav", "sentence", cremad.SENTENCES),
    ("cremad", "1001_IEO_ANG_{}.wav", "intensity", {"LO": "low", "MD": "medium", "HI": "high", "XX": None}),
    ("savee", "DC/{}01.wav", "emotion", savee.EMOTIONS),
    ("esd", "{}_000001.wav", "gender", esd.SPEAKERS),
    ("esd", "0020_{}.wav", "emotion", {"000001": "neutral", "000350": "neutral", "000351": "angry", "000700": "angry"}),
    ("esd", "0020_{}.wav", "emotion", {"000701": "happy", "001050": "happy", "001051": "sad", "001400": "sad"}),
    ("esd", "0020_{}.wav", "emotion", {"001401": "surprised", "001750": "surprised"}),
    ("esd", "0020_{}.wav", "sentence", {"000351": "esd-en-001", "000700": "esd-en-350", "001750": "esd-en-350"}),
    ("esd", "{}_000001.wav", "language", {name: "zh" if name <= "0010" else "en" for name in esd.SPEAKERS}),
    ("emodb", "03a01{}a.wav", "emotion", emodb.EMOTIONS),
    ("emodb", "03{}Na.wav", "sentence", emodb.TEXTS),
    ("emodb", "{}a01Na.wav", "gender", emodb.SPEAKERS),
    ("tess", "YAF_back_{}.wav", "emotion", tess.EMOTIONS),
    ("emovo", "{}-f1-b1.wav", "emotion", emovo.EMOTIONS),
    ("emovo", "dis-{}-b1.wav", "gender", emovo.SPEAKERS),
    ("emovo", "dis-f1-{}.wav", "sentence", emovo.SENTENCES),
    ("nemo", "WR0_{}_1.wav", "emotion", nemo.EMOTIONS),
    ("nemo", "{}_fear_90.wav", "gender", nemo.SPEAKERS),
    ("demo", "{}_s1_sad_low.flac", "gender", {name: "female" if name < "m" else "male" for name in VOICES}),
]
NOT_NAMED = "is not named like"
# Digits such as ٠ are digits to Python, and not to the corpora.
MALFORMED = {
    "ravdess": {
        "03-01-05-02-01-02.wav": NOT_NAMED,
        "03-01-05-02-01-02-07 copy.wav": NOT_NAMED,
        "02-01-05-02-01-02-07.wav": "modality '02', expected 03",
        "03-02-05-02-01-02-07.wav": "channel '02', expected 01",
        "03-01-09-02-01-02-07.wav": "emotion '09', expected 01, 02, .*08",
        "03-01-05-03-01-02-07.wav": "intensity '03', expected 01, 02",
        "03-01-01-02-01-02-07.wav": "neutral with intensity '02', expected 01",
        "03-01-05-02-03-02-07.wav": "statement '03'",
        "03-01-05-02-01-03-07.wav": "repetition '03'",
        "03-01-05-02-01-02-25.wav": "actor '25'",
        "03-01-05-02-01-02-٠٧.wav": "actor",
    },
    "cremad": {
        "1001_DFA_ANG.wav": NOT_NAMED,
        "1001_DFA_ANG_XX_2.wav": NOT_NAMED,
        "1000_DFA_ANG_XX.wav": "actor '1000', expected 1001 to 1091",
        "1092_DFA_ANG_XX.wav": "actor '1092'",
        "1001_DFB_ANG_XX.wav": "sentence 'DFB', expected IEO, .*WSI",
        "1001_IEO_ANX_HI.wav": "emotion 'ANX', expected ANG, DIS, FEA, HAP, NEU, SAD",
        "1001_IEO_ANG_XH.wav": "level 'XH', expected LO, MD, HI, XX",
        "1001_DFA_ANG_XX (1).wav": "level 'XX .1.'",
        "١٠٠١_DFA_ANG_XX.wav": "actor",
    },
    "savee": {
        "1001_DFA_ANG_XX.wav": "'1001_DFA_ANG_XX.wav' is not named like 'DC/sa03.wav' or 'DC_sa03.wav'",
        "DC/sa3.wav": NOT_NAMED,
        "DC/sa٠٣.wav": NOT_NAMED,
        "sa03.wav": "speaker '', expected DC, JE, JK, KL",
        "DX_sa03.wav": "speaker 'DX'",
        "DC/s03.wav": "emotion 's', expected a, d, f, h, n, sa, su",
        "DC/sa16.wav": "number '16', expected 01 to 15",
        "DC/n31.wav": "number '31', expected 01 to 30",
        "DC/n00.wav": "number '00'",
    },
    "esd": {
        "0011_351.wav": NOT_NAMED,
        "0011_٠٠٠٣٥١.wav": NOT_NAMED,
        "0021_000351.wav": "speaker '0021', expected 0001 to 0020",
        "0011_000000.wav": "number '000000', expected 000001 to 001750",
        "0011_001751.wav": "number '001751'",
    },
    "emodb": {
        "03a01Faxx.wav": NOT_NAMED,
        "03a01Fz.wav": NOT_NAMED,
        "٠٣a01Fa.wav": NOT_NAMED,
        "04a01Fa.wav": "speaker '04', expected 03, 08, .*16",
        "03a03Fa.wav": "text 'a03', expected a01, a02, .*b10",
        "03a01Sa.wav": "emotion 'S', expected W, L, E, A, F, T, N",
    },
    "tess": {
        "OAF_back.wav": NOT_NAMED,
        "MAF_back_angry.wav": "speaker 'MAF', expected OAF, YAF, OA",
        "OAF_back_surprise.wav": "emotion 'surprise', expected angry, disgust, fear, happy, neutral, ps, sad",
    },
    "emovo": {
        "dis-f1-b1-2.wav": NOT_NAMED,
        "dis-f١-b1.wav": NOT_NAMED,
        "col-f1-b1.wav": "emotion 'col', expected dis, gio, pau, rab, sor, tri, neu",
        "dis-f4-b1.wav": "speaker 'f4', expected f1, f2, f3, m1, m2, m3",
        "dis-f1-b4.wav": "sentence 'b4', expected b1, b2, .*d2",
    },
    "nemo": {
        "WR0_anger_064.wav": NOT_NAMED,
        "WR0_anger_0.wav": NOT_NAMED,
        "wr0_anger_64.wav": NOT_NAMED,
        "WR0_anger_6٤.wav": NOT_NAMED,
        "WR0_anger_91.wav": "sentence '91', expected 1 to 90",
        "WR0_boredom_64.wav": "emotion 'boredom', expected anger, fear, happiness, neutral, sadness, surprised",
        "WR1_anger_64.wav": "speaker 'WR1', expected EB0, .*WR0",
    },
    "demo": {
        "f03/f03_s2_angry.flac": NOT_NAMED,
        "f03/f03_s0_angry_high.flac": NOT_NAMED,
        "f03/f03_s٢_angry_high.flac": NOT_NAMED,
        "f09/f09_s2_angry_high.flac": "speaker 'f09', expected f01 to m08",
        "f03/f03_s2_anger_high.flac": "emotion 'anger', expected neutral, .*angry",
        "f03/f03_s2_angry_strong.flac": "intensity 'strong', expected low, medium, high",
    },
}
# Clips of each emotion, from the papers and the corpora's own lists.
COUNTS = {
    "ravdess": {"neutral": 96} | dict.fromkeys(list(ravdess.EMOTIONS.values())[1:], 192),
    "cremad": {"neutral": 1087} | dict.fromkeys(("angry", "disgust", "fearful", "happy", "sad"), 1271),
    "savee": {"neutral": 120} | dict.fromkeys(("angry", "disgust", "fearful", "happy", "sad", "surprised"), 60),
    "esd": dict.fromkeys(("neutral", "angry", "happy", "sad", "surprised"), 7_000),
    "emodb": {"angry": 127, "boredom": 81, "disgust": 46, "fearful": 69, "happy": 71, "sad": 62, "neutral": 79},
    "tess": dict.fromkeys(tess.EMOTIONS.values(), 400),
    "emovo": dict.fromkeys(emovo.EMOTIONS.values(), 84),
    "nemo": {"angry": 749, "fearful": 736, "happy": 749, "neutral": 809, "sad": 769, "surprised": 669},
}


def parse(corpus: str, path: str) -> Labels:
    return CORPORA[corpus].parse(PurePosixPath(path))


@pytest.mark.parametrize("corpus", CORPORA)
def test_labels_of_real_names(corpus: str) -> None:
    for path, expected in REAL[corpus].items():
        assert parse(corpus, path) == expected


@pytest.mark.parametrize(("corpus", "pattern", "label", "expected"), CODES)
def test_every_code(corpus: str, pattern: str, label: str, expected: Mapping[str, str | None]) -> None:
    for code, word in expected.items():
        labels = parse(corpus, pattern.format(code))
        assert getattr(labels, label) == word
        assert label != "gender" or labels.speaker == code
        assert label not in ("emotion", "intensity") or corpus == "esd" or getattr(labels, f"{label}_raw") == code


@pytest.mark.parametrize("corpus", MALFORMED)
def test_malformed_names(corpus: str) -> None:
    for name, message in MALFORMED[corpus].items():
        with pytest.raises(UnknownNameError, match=message):
            parse(corpus, name)


@pytest.mark.parametrize("corpus", COUNTS)
def test_expected_counts(corpus: str) -> None:
    emotions = Counter[str]()
    for (_, emotion), count in CORPORA[corpus].expected_counts.items():
        emotions[emotion] += count
    assert emotions == COUNTS[corpus]


def test_counts_of_single_speakers() -> None:
    of_emodb = Counter[str]()
    for (speaker, _), count in emodb.EXPECTED_COUNTS.items():
        of_emodb[speaker] += count
    assert list(of_emodb.values()) == [49, 58, 43, 38, 55, 35, 61, 69, 56, 71]
    assert ("MK0", "surprised") not in nemo.EXPECTED_COUNTS
    assert set(esd.SPEAKERS.values()) == {"female", "male"}
    assert [list(esd.SPEAKERS.values())[half].count("male") for half in (slice(10), slice(10, 20))] == [5, 5]


def test_folds() -> None:
    """Those of EmoBox for SAVEE; women and men in each of nEMO."""
    assert list(savee.FOLDS.values()) == [("JE",), ("KL",), ("DC",), ("JK",)]
    assert (len(emodb.FOLDS), emodb.FOLDS[1], emodb.FOLDS[10]) == (10, ("03",), ("16",))
    for speakers in nemo.FOLDS.values():
        assert {nemo.SPEAKERS[speaker] for speaker in speakers} == {"female", "male"}


def test_no_two_speakers_of_the_demo_share_a_voice() -> None:
    assert len({voice.variant for voice in VOICES.values()}) == len(VOICES) == 16

"""Seeds differ from model to model; hashes cover what they name."""

import hashlib

import pandas as pd

from pipeline.networks.provenance import clips_sha256, derived_seed


def test_each_model_has_its_own_seed() -> None:
    assert derived_seed(1, "full-1", "angry-happy") == 1_180_678_248  # another number retrains everybody's models
    seeds = {
        derived_seed(seed, split, pair)
        for seed in range(10)
        for split in ("full-1", "full-2")
        for pair in ("angry-happy", "angry-sad", "happy-sad")
    }
    assert len(seeds) == 60
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_hash_of_clips() -> None:
    clips = pd.DataFrame({"id": ["demo/b", "demo/a"], "sha256": ["2", "1"], "emotion": ["sad", "angry"]})
    assert clips_sha256(clips) == hashlib.sha256(b"demo/a 1 angry\ndemo/b 2 sad").hexdigest()
    assert clips_sha256(clips) == clips_sha256(clips.iloc[::-1].assign(speaker="f01"))  # in any order
    others = (clips[:1], clips.assign(sha256="3"), clips.assign(emotion="happy"), clips.assign(weight=1.0))
    hashes = {clips_sha256(other) for other in (clips, *others, clips.assign(weight=0.5))}
    assert len(hashes) == 6

"""Croissant 1.1 description of an export, with its RAI properties, and provenance of each clip by W3C PROV.

Specifications: https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html, and croissant-rai-spec.html there.
"""

import hashlib
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
import pyarrow as pa

from pipeline.export import card
from pipeline.export.clips import AUDIO, SCHEMA, TABLE, is_recording

CONFORMS_TO = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
PREFIXES = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
}
# Terms of Croissant without a prefix
TERMS = (
    "arrayShape citeAs column containedIn equivalentProperty extract field fileProperty fileObject fileSet format "
    "includes isArray isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated replace "
    "samplingRate separator source subField transform annotation"
).split()
CONTEXT: dict[str, Any] = {
    **PREFIXES,
    **{term: f"cr:{term}" for term in TERMS},
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "name": {"@container": "@language"},
    "description": {"@container": "@language"},
}
MEDIA = {"wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg", "ogg": "audio/ogg"}
TYPES = {pa.string(): "sc:Text", pa.bool_(): "sc:Boolean", pa.int32(): "sc:Integer", pa.float32(): "sc:Float"}
DERIVED, GENERATED = "source_id", ("generator", "generator_sha256", "seed", "parameters")
CLIPS = "clips"  # record set
LABEL = "emotion"


def description(folder: Path, clips: pd.DataFrame, name: str, split: str, arm: str) -> dict[str, Any]:
    """JSON-LD of the export.

    Args:
        folder: of the export, with `TABLE`
        clips: of the export
        name: of the export
        split: name of the split
        arm: name of the arm
    """
    table = folder / TABLE
    recorded = is_recording(clips)
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": name,
        "description": f"{recorded.sum():,} recordings of emotional speech and {(~recorded).sum():,} synthetic clips.",
        "license": sorted(clips["license"].dropna().unique()),
        "version": "1.0.0",
        "inLanguage": sorted(clips["language"].dropna().unique()),
        "isLiveDataset": False,
        "prov:wasDerivedFrom": [
            {"@id": f"urn:corpus:{corpus}"} for corpus in sorted(clips.loc[recorded, "corpus"].unique())
        ],
        "prov:wasGeneratedBy": {
            "@type": "prov:Activity",
            "prov:label": f"emocycle, split {split}, arm {arm}",
            "prov:wasAssociatedWith": {"@type": "prov:SoftwareAgent", "prov:label": "emocycle"},
        },
        **_rai(clips),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": TABLE,
                "name": TABLE,
                "contentUrl": TABLE,
                "contentSize": f"{table.stat().st_size} B",
                "encodingFormat": "text/csv",
                "sha256": hashlib.sha256(table.read_bytes()).hexdigest(),
            },
            *_audio(clips),
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": CLIPS,
                "name": CLIPS,
                "key": {"@id": f"{CLIPS}/key"},
                "field": [_field(field, f"{CLIPS}/{field.name}") for field in SCHEMA],
            }
        ],
    }


def _audio(clips: pd.DataFrame) -> list[dict[str, str]]:
    suffixes = sorted({PurePosixPath(file).suffix for file in clips["file"]})
    return [
        {
            "@type": "cr:FileSet",
            "@id": f"audio{suffix}",
            "name": f"audio{suffix}",
            "includes": f"{AUDIO}/**/*{suffix}",
            "encodingFormat": MEDIA.get(suffix[1:], "audio/x-aiff"),
        }
        for suffix in suffixes
    ]


def _field(field: pa.Field, id_: str) -> dict[str, Any]:
    """A column; the provenance of each clip is an annotation of its file."""
    kind = TYPES[field.type]
    found: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": id_,
        "name": field.name,
        "dataType": [kind, "cr:Label"] if field.name == LABEL else kind,
        "source": {"fileObject": {"@id": TABLE}, "extract": {"column": field.name}},
    }
    if field.name == "file":
        found["annotation"] = [
            {
                **_field(SCHEMA.field(DERIVED), f"{id_}/{DERIVED}"),
                "description": "the clip that this one was made from",
                "equivalentProperty": "prov:wasDerivedFrom",
            },
            {
                "@type": "cr:Field",
                "@id": f"{id_}/activity",
                "name": "activity",
                "description": "the generator, its hash, its seed, and random changes",
                "equivalentProperty": "prov:wasGeneratedBy",
                "dataType": "prov:Activity",
                "subField": [_field(SCHEMA.field(column), f"{id_}/activity/{column}") for column in GENERATED],
            },
        ]
    return found


def _rai(clips: pd.DataFrame) -> dict[str, Any]:
    emotions = clips["emotion"].value_counts().sort_index()
    genders = clips.drop_duplicates("speaker")["gender"].fillna("unknown").value_counts().sort_index()
    made = sorted(clips.loc[~is_recording(clips), "generator"].unique())
    changed = (
        f"Synthetic clips are by {', '.join(made)}; provenance of each: {TABLE}." if made else "No synthetic clips."
    )
    return {
        "rai:dataCollection": "Recordings of acted speech from published corpora, and synthetic clips made from them.",
        "rai:dataCollectionType": ["Recordings", "Synthetic data"] if made else ["Recordings"],
        "rai:dataManipulationProtocol": f"{changed} {card.MARK}",
        "rai:dataAnnotationProtocol": ["Emotions are those that the actors were asked for, or targets of conversions."],
        "rai:dataBiases": [
            "Clips of each emotion: " + ", ".join(f"{emotion} {count:,}" for emotion, count in emotions.items()),
            "Speakers: " + ", ".join(f"{gender} {count:,}" for gender, count in genders.items()),
        ],
        "rai:dataLimitations": list(card.LIMITS),
        "rai:dataUseCases": ["Training and speaker-independent testing of speech emotion recognition."],
        "rai:dataSocialImpact": "The EU AI Act (article 5) forbids to infer emotions at work and in education.",
        "rai:personalSensitiveInformation": ["Voices of persons, recorded or converted; genders where known."],
        "rai:dataReleaseMaintenancePlan": "None: the pipeline writes the export again.",
    }

"""Synthesis by eSpeak NG in a separate process, one voice a run.

eSpeak NG is GPL, so no module of the pipeline imports this one. `pipeline.stages.demo_corpus` runs it by its path, with
a JSON request on standard input:

    {"language": "en-us", "variant": "f2", "seed": 1, "utterances": [
        {"file": "1.wav", "text": "It is six o'clock.", "rate": 175, "pitch": 50, "range": 50}]}

Rate is in words a minute; pitch and range are eSpeak's, 0-100, where 50 is the voice's default. Files are 16-bit
WAV at eSpeak's rate, 22,050 Hz. The same request gives the same bytes, but a part of it gives others, because
eSpeak's output depends on the utterances before.
"""

import ctypes
import json
import os
import sys
import wave
from pathlib import Path
from typing import Any

# speak_lib.h of eSpeak NG 1.52
_SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: samples go to the callback only
_DONT_EXIT = 0x8000  # report a missing data folder, do not exit
_FLAGS = 1 | 0x1000  # text is UTF-8; pause after a sentence, to detect a cut
_CHARACTERS = 1  # espeak_POSITION_TYPE
_PARAMETERS = {"rate": 1, "pitch": 3, "range": 4}  # espeak_PARAMETER
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class EspeakError(Exception):
    """eSpeak cannot fulfil a request."""


def speak(request: dict[str, Any]) -> None:
    """Write the files of a request; once a process, because eSpeak keeps its state.

    Raises:
        EspeakError: the language or the variant is not among eSpeak's files, or eSpeak reports a fault
    """
    here = Path.cwd()
    library, voices = _open_library()  # changes the working directory
    language, variant = request["language"], request["variant"]
    if not (voices / "!v" / variant).is_file():  # eSpeak would use its default voice without a warning
        raise EspeakError(f"eSpeak: no variant '{variant}', expected a file name of {voices / '!v'}")
    if library.espeak_SetVoiceByName(f"{language}+{variant}".encode()):
        raise EspeakError(f"eSpeak: no language '{language}', expected one such as 'en-us'")
    library.espeak_ng_SetRandSeed(ctypes.c_long(request["seed"]))
    for utterance in request["utterances"]:
        for name, number in _PARAMETERS.items():
            _check(library.espeak_SetParameter(number, utterance[name], 0), f"{name} {utterance[name]}")
        samples = _spoken(library, utterance["text"])
        with wave.open(str(here / utterance["file"]), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(library.espeak_ng_GetSampleRate())
            file.writeframes(samples)


def _open_library() -> tuple[ctypes.CDLL, Path]:
    """Initialised library, and its folder of voices."""
    try:
        import espeakng_loader
    except ImportError:
        raise EspeakError(
            "the demo corpus needs eSpeak NG, which is not installed: install the `demo` extra "
            "(`uv pip install --editable '.[demo]'`), or remove `demo` from `corpora` in params.yaml"
        ) from None
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = Path(espeakng_loader.get_data_path())
    os.chdir(data.parent)  # eSpeak cuts paths after 160 characters; a relative one is short
    if library.espeak_Initialize(_SYNCHRONOUS, 0, os.fsencode(data.name), _DONT_EXIT) <= 0:
        raise EspeakError(f"eSpeak cannot read its data in {data}")
    return library, data / "voices"


def _spoken(library: ctypes.CDLL, text: str) -> bytes:
    """16-bit samples of a text, in the processor's byte order."""
    blocks: list[bytes] = []

    def collect(samples: Any, count: int, _events: int | None) -> int:
        if samples and count:
            blocks.append(ctypes.string_at(samples, 2 * count))
        return 0  # continue

    callback = _CALLBACK(collect)
    library.espeak_SetSynthCallback(callback)
    encoded = text.encode()
    size = len(encoded) + 1
    _check(library.espeak_Synth(encoded, size, 0, _CHARACTERS, 0, _FLAGS, None, None), repr(text))
    _check(library.espeak_Synchronize(), repr(text))
    return b"".join(blocks)


def _check(status: int, what: str) -> None:
    if status:
        raise EspeakError(f"eSpeak: status {status} at {what}, expected 0")


if __name__ == "__main__":
    try:
        speak(json.load(sys.stdin))
    except EspeakError as error:
        sys.exit(str(error))

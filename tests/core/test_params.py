"""What is wrong in params.yaml is named, with the nearest spelling."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from pipeline.core import params
from pipeline.core.params import ParamsError, section


@section
class Full:
    kind: Literal["full"]


@section
class LowData:
    kind: Literal["low_data"]
    share: float


@section
class Optimiser:
    learning_rate: float
    steps: int


@section
class Train:
    optimiser: Optimiser
    scenarios: dict[str, Annotated[Full | LowData, Field(discriminator="kind")]]
    emotions: list[str]
    seed: int | None


GOOD = """
train:
  optimiser:
    learning_rate: 2e-4
    steps: 100
  scenarios:
    full:
      kind: full
    half:
      kind: low_data
      share: 0.5
  emotions:
  - no
  - on
  seed: null
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(GOOD)
    return path


def test_reads_as_dvc_does(path: Path) -> None:
    train = params.load(path, "train", Train)
    assert train.optimiser == Optimiser(learning_rate=0.0002, steps=100)
    assert train.scenarios == {"full": Full("full"), "half": LowData("low_data", 0.5)}
    assert train.emotions == ["no", "on"]
    assert params.load(path, "train.optimiser.steps", int) == 100
    with pytest.raises(AttributeError):
        train.seed = 3  # type: ignore[misc]


def test_reads_what_the_file_says_now(path: Path) -> None:
    params.read(path)["train"]["seed"] = 3
    assert params.read(path)["train"]["seed"] is None
    path.write_text(GOOD.replace("null", "4"))
    assert params.load(path, "train.seed", int) == 4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    steps: 100", "    stesp: 100", r"'train.optimiser.stesp' is not known; did you mean 'steps'\?"),
        ("    steps: 100", "    stesp: 100", "'train.optimiser.steps' is missing"),
        ("  seed: null", "  sede: null", r"'train.sede' is not known; did you mean 'seed'\?"),
        ("      kind: full", "      kind: ful", r"scenarios.full.kind' is 'ful'; did you mean 'full'\?"),
        ("steps: 100", "steps: many", "'train.optimiser.steps' is 'many': .*integer"),
        ("  - no", "  - 3", "'train.emotions.0' is 3: .*string"),
        (
            "  seed: null",
            "  seed: null\n  extra: 1",
            "'train.extra' is not known; expected one of emotions, opt",
        ),
    ],
)
def test_wrong_section(path: Path, old: str, new: str, message: str) -> None:
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(ParamsError, match=message) as caught:
        params.load(path, "train", Train)
    assert str(path) in caught.value.message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("trian", r"'trian' is missing; did you mean 'train'\?"),
        ("train.optimizer.steps", r"'train.optimizer' is missing; did you mean 'optimiser'\?"),
        ("train.seed.deeper", "'train.seed.deeper' is missing"),
        ("train.optimiser.steps", "'train.optimiser.steps' is 100: .*dictionary"),
    ],
)
def test_wrong_name(path: Path, name: str, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        params.load(path, name, Train)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: [1, 2", "not valid YAML"),
        ("train: 1\ntrain: 2\n", "not valid YAML.*duplicate"),
        ("- train\n", "expected sections, found list"),
        ("train: \u0007", "not valid YAML"),
    ],
)
def test_wrong_file(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(ParamsError, match=f"(?s)params.yaml: .*{message}"):
        params.load(path, "train", Train)
    path.unlink()
    with pytest.raises(ParamsError, match="not found; run inside the project"):
        params.read(path)


def test_nearest() -> None:
    assert params.nearest("anrgy", ["angry", "happy"]) == "; did you mean 'angry'?"
    assert params.nearest("xyz", ["happy", "angry"]) == "; expected one of angry, happy"
    assert params.nearest("xyz", []) == ""


@pytest.mark.parametrize("other", [Optimiser(0.1, 2), {"learning_rate": 0.2, "steps": 1}, None])
def test_params_hash(other: Any) -> None:
    found = params.params_hash(Optimiser(learning_rate=0.1, steps=1))
    assert found == params.params_hash({"steps": 1, "learning_rate": 0.1})
    assert found != params.params_hash(other)
    assert len(found) == 16


@pytest.mark.parametrize("text", ["a: " + "[" * 5000, "a: " + "{a: " * 2000, "a: 2001-99-99", "a: \x00", "\xff: 1"])
def test_damaged_file(path: Path, text: str) -> None:
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ParamsError, match="not valid YAML"):
        params.load(path, "a", int)


@pytest.mark.parametrize("number", [".nan", ".inf", "-.inf"])
def test_numbers_are_finite(path: Path, number: str) -> None:
    path.write_text(f"a: {number}\nb: {{c: {number}}}\n")

    @section
    class Rate:
        c: float

    with pytest.raises(ParamsError, match="'b.c' is .*finite"):
        params.load(path, "b", Rate)

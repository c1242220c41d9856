"""A workspace outside the clone, whose code is a link, and what `doctor` says where something is wrong."""

import errno
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from importlib import metadata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from pipeline.cli import doctor, init
from pipeline.cli.main import main
from pipeline.core import console, params
from pipeline.standard_scorers import scoring

ROOT = Path(__file__).parents[2]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new workspace, which is the current directory."""
    folder = tmp_path / "ws"
    assert CliRunner().invoke(main, ["init", str(folder)]).exit_code == 0
    monkeypatch.chdir(folder)
    return folder


def examined(*checks: str) -> Result:
    """`emocycle doctor` with some of its checks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "CHECKS", tuple(getattr(doctor, name) for name in checks))
        return CliRunner().invoke(main, ["doctor"])


def broken(*checks: str) -> str:
    """Output of `examined`, which must find something broken, with a remedy."""
    result = examined(*checks)
    assert result.exit_code == 1 and "BROKEN" in result.output and "marked BROKEN" in result.output, result.output
    return result.output


def test_stages_run_the_linked_code_and_see_its_changes(workspace: Path, tmp_path: Path) -> None:
    code = tmp_path / "site-packages/pipeline"
    shutil.copytree(ROOT / "pipeline", code, ignore=shutil.ignore_patterns("__pycache__"))
    Path("pipeline").unlink()
    Path("pipeline").symlink_to(code)
    params = YAML(typ="safe").load(Path("params.yaml"))
    params["corpora"] = ["ravdess"]  # so that nothing is spoken
    YAML().dump(params, Path("params.yaml"))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

    def repro() -> str:
        command = [sys.executable, "-m", "dvc", "repro", "demo_corpus"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    assert "demo-corpus demo: not among `corpora`" in repro()
    assert "Running stage" not in repro()
    with (code / "stages/demo_corpus.py").open("a") as file:
        file.write("print('changed')\n")
    assert "changed" in repro()
    assert subprocess.run(["git", "check-ignore", "pipeline"], check=False).returncode == 0


def test_called_again_it_renews_the_link_and_the_stages(workspace: Path) -> None:
    Path("params.yaml").write_text("mine")
    Path("pipeline").unlink()
    Path("pipeline").symlink_to("/gone")
    assert "pipeline links to /gone, which is gone\n        → emocycle init ." in broken("workspace_files")
    assert "renewed" in CliRunner().invoke(main, ["init", "."]).output
    assert Path("pipeline/__main__.py").is_file() and Path("params.yaml").read_text() == "mine"
    Path("dvc.yaml").write_text("stages: {}")
    assert "dvc.yaml is not that of the running code\n        → emocycle init ." in broken("workspace_files")
    CliRunner().invoke(main, ["init", "."])
    assert Path("dvc.yaml").read_bytes() == (ROOT / "dvc.yaml").read_bytes()
    assert Path("dvc.yaml.old").read_text() == "stages: {}"
    assert examined("workspace_files").exit_code == 0


def test_a_full_disk_leaves_the_stages(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without dvc.yaml, the folder would be no workspace any more."""
    Path("dvc.yaml").write_text("stages: {}")

    def full(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    result = CliRunner().invoke(main, ["init", "."])
    assert result.exit_code == 1 and "no space left on device" in result.output
    assert Path("dvc.yaml").read_text() == "stages: {}"


def test_folders_that_it_leaves_alone(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.tex").touch()
    result = CliRunner().invoke(main, ["init", str(tmp_path / "full")])
    assert result.exit_code == 1 and "full: is not empty and has no dvc.yaml" in result.output
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.tex"]
    result = CliRunner().invoke(main, ["init", str(ROOT)])
    assert result.exit_code == 1 and "it is a clone and a workspace already" in result.output


def test_other_code_than_that_of_the_workspace(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/__main__.py").touch()
    Path("pipeline").unlink()
    Path("pipeline").symlink_to(tmp_path / "other")
    result = CliRunner().invoke(main, ["check"])
    assert result.exit_code == 1 and "`emocycle init .` links to the running code" in result.output
    assert "→ emocycle init . links to the running code" in broken("workspace_files")


def test_the_wheel_has_what_a_workspace_needs() -> None:
    import tomllib

    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    expected = {*init.FILES, "requirements.lock"}
    assert wheel["force-include"] == {name: f"pipeline/template/{name}" for name in expected}
    assert all((ROOT / name).exists() for name in expected)


def test_nothing_is_broken_here(workspace: Path) -> None:
    result = examined("python", "machine", "workspace_files", "dvc_state", "data")
    assert result.exit_code == 0, result.output
    assert "out of date: " in result.output and "params.yaml and data/raw are valid" in result.output


def test_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PYTHON", (9, 0))
    assert "→ expected 3.11 or newer" in broken("python")


def test_versions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "TEMPLATE", tmp_path)
    real = metadata.version("click")
    (tmp_path / "requirements.lock").write_text(f"click=={real}  # via x\nnone ; python_version < '3'\n")
    result = examined("versions")
    assert result.exit_code == 0 and "packages as in requirements.lock" in result.output
    (tmp_path / "requirements.lock").write_text("click==0.1\n")
    assert f"other versions than in requirements.lock: click {real} (lock ==0.1)" in examined("versions").output

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    (tmp_path / "requirements.lock").write_text("click==0.1\nnobody-needs-this==1\n")
    output = broken("versions")
    assert "click: not installed, expected ==0.1" in output and "nobody" not in output


def test_broken_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, text in {"torchaudio": "raise OSError('undefined symbol: x')", "soxr": "1 / 0"}.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(doctor, "MODULES", ("soxr", "json"))
    output = broken("libraries")
    assert "torch and torchaudio do not load together: OSError: undefined symbol: x\n        → torch" in output
    assert "soxr does not load: ZeroDivisionError" in output and "json" not in output
    (tmp_path / "soxr.py").write_text("import os; os._exit(3)")
    assert "a library does not load: exit code 3" in broken("libraries")


def test_a_check_that_itself_needs_a_broken_package(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dvc.repo", None)
    assert "dvc state: ModuleNotFoundError: " in broken("dvc_state", "data")


def test_it_needs_no_package_but_click(workspace: Path) -> None:
    script = """if True:
        import sys
        for name in ("dvc", "numpy", "packaging", "pandas", "pydantic", "rich", "ruamel", "torch"):
            sys.modules[name] = None
        from pipeline.cli import doctor
        from pipeline.cli.main import main
        doctor.CHECKS = tuple(check for check in doctor.CHECKS if check is not doctor.libraries)
        main(["doctor"])
    """
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert done.stdout.count("BROKEN") == 4  # the versions, the state of DVC, the data and the scorers
    assert done.stdout.count("→") >= 3


def test_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "EXTRAS", {"demo": "not_there", "other": "json"})
    result = examined("extras")
    assert result.exit_code == 0 and "extra 'demo': not installed\n" in result.output
    assert "pip install 'emocycle[demo]'" in result.output and "extra 'other': installed" in result.output
    monkeypatch.setenv(console.VERBOSITY, str(console.QUIET))
    result = examined("extras")
    assert "extra 'demo': not installed\n" in result.output and "'other'" not in result.output


def test_little_disk_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "free")  # noqa: PYI024
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1_000_000_000))
    monkeypatch.setattr(doctor, "MEMORY_GB", 1e6)
    output = broken("machine")
    assert "BROKEN  1.0 GB of disk free here, expected 5\n" in output
    assert "note" in output or not Path("/proc/meminfo").exists()


def test_places_that_are_no_workspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert "not in a git repository\n        → emocycle init DIR" in broken("workspace_files")
    subprocess.run(["git", "init", "--quiet"], check=True)
    assert "no dvc.yaml, params.yaml, .dvc/config" in broken("workspace_files", "dvc_state", "data")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git: not found" in broken("workspace_files")


def test_a_lock_that_another_process_holds(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dvc import lock
    from dvc.repo import Repo

    monkeypatch.setattr(lock, "DEFAULT_TIMEOUT", 0.1)
    with Repo() as repo, repo.lock:
        assert "another process holds DVC's lock\n        → wait" in broken("dvc_state")


def test_a_corpus_that_is_missing(workspace: Path) -> None:
    path = Path("params.yaml")
    path.write_text(path.read_text().replace("\n- demo\n", "\n- ravdess\n", 1))
    output = broken("data")
    assert "data/raw/ravdess: no such folder" in output and "→ emocycle fetch" in output
    path.write_text(path.read_text() + "wrong: 1\n")
    output = broken("data")
    assert "'wrong' is not known" in output and "→ edit it" in output


def test_invalid_params_are_one_problem_with_its_remedy(workspace: Path) -> None:
    Path("params.yaml").write_text("foo: [1,\n", encoding="utf-8")
    found = broken("dvc_state", "data")
    assert found.count("BROKEN  ") == 1 and "params.yaml: not valid YAML" in found
    assert "→ edit it, after the model of" in found


def test_scorers_that_were_installed_after_their_stage(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path("params.yaml")
    words = path.read_text().replace("  assess: []", "  assess: [dnsmos]").replace("  augment: []", "  augment: [ge2e]")
    path.write_text(words)
    assert params.load(path, "standard_scorers.augment", tuple[str, ...]) == ("ge2e",)
    here: list[str] = ["dnsmos", "ge2e"]
    monkeypatch.setattr(scoring, "installed", lambda names, stage: ([name for name in names if name in here], []))

    def write(file: str, *columns: str) -> None:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({name: [1.0] for name in columns}), file)

    write("data/assessed/full-1.parquet", "mcd_db")
    write("data/augmented/full-1/none.parquet", "id")  # has no generated clip
    write("data/augmented/full-1/cyclegan.parquet", "id")
    output = examined("scorers").output
    assert "assess had run: dnsmos\n        → dvc repro -f -s assess, then emocycle repro" in output
    assert "augment had run: ge2e\n" in output
    write("data/assessed/full-1.parquet", "mcd_db", "dnsmos")
    write("data/augmented/full-1/cyclegan.parquet", "id", "ge2e_similarity")
    assert examined("scorers").output == ""
    write("data/augmented/full-1/cyclegan.parquet", "id")
    here.remove("ge2e")  # not installed: nothing to do
    assert examined("scorers").output == ""

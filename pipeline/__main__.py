"""`python -m pipeline`: the commands of `emocycle`, by the code of the working directory; dvc.yaml calls stages so."""

import sys

if __name__ == "__main__":
    try:
        from pipeline.cli.main import main
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "pipeline":
            raise
        sys.exit(
            f"Error: {sys.executable} has no module '{error.name}'; activate the environment where emocycle is "
            "installed (`source .venv/bin/activate`), or run `.venv/bin/emocycle repro`"
        )
    main(prog_name="python -m pipeline")

"""How the readers of files behave on damaged input: errors of ours, no crash, no hang, no much memory, no wrong row.

python benchmarks/fuzz.py WORKSPACE --cases 1000 --seed 1

WORKSPACE is a finished run of the demo; it is not changed. Each case damages one file and has it read. Cases run in a
process with a limit of memory and of time; one that ends is replaced. The same seed gives the same cases.
"""

import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
from fuzz_readers import READERS, Refused

MOST_S = 10.0  # of processor time, as other work may take turns on the cores
MOST_WAIT_S = 120.0  # where a case waits for something
MOST_BYTES = 2**30  # of memory, more than the process has at its start
HARD_BYTES = 2**33  # of addresses, likewise; protects the machine
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
INTEGERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)
WORDS = (
    *("", "null", "nan", ".nan", "-.inf", "1e400", "9" * 400, "-1", "0", "true", "[]", "{}", "[" * 3000, "{a: " * 500),
    *("\u202e", "\0", "🙂", "=1+1", '"', "'", "../../x", "/dev/zero", "x" * 50_000, "!!python/object:os.x {}", "\t"),
    *("&a [*a]", "*b", "<<: 1", "1:2:3", "0x1", "2001-01-01", "- ", "? ", "\u0661", "e\u0301", "\x85", "%", "@", "`"),
)


@click.command()
@click.argument("folder", metavar="WORKSPACE", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--cases", default=1000, show_default=True, help="Cases of a reader; some have a multiple of it.")
@click.option("--seed", default=1, show_default=True)
@click.option("--reader", "names", multiple=True, type=click.Choice(list(READERS)), help="Default: all.")
@click.option("--first", default=0, help="Number of the first case, to repeat one.")
def main(folder: Path, cases: int, seed: int, names: tuple[str, ...], first: int) -> None:
    """Print the number of cases and findings of each reader as Markdown, and the findings."""
    print("| reader | damaged files | cases | refused | read | seconds | findings |\n|---|---|---|---|---|---|---|")
    n_findings = 0
    for name in names or READERS:
        start_s = time.monotonic()
        results = list(run(folder.absolute(), name, seed, first, round(cases * READERS[name].share)))
        counts = Counter(result["what"] for result in results)
        new = [result for result in results if result["what"] not in ("refused", "read")]
        number = len(results) * READERS[name].inputs
        cells = [
            name,
            f"{number:,}",
            len(results),
            counts["refused"],
            counts["read"],
            round(time.monotonic() - start_s),
            len(new),
        ]
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
        n_findings += len(new)
        groups: dict[str, list[dict[str, Any]]] = {}
        for found in new:
            groups.setdefault(f"{found['what']} {found['where']}", []).append(found)
        for title, group in groups.items():
            print(
                f"{title}: {len(group)} cases, such as {group[0]['case']}: {group[0]['detail'][:300]}", file=sys.stderr
            )
    sys.exit(bool(n_findings))


def run(folder: Path, name: str, seed: int, first: int, cases: int) -> Any:
    """Results of all cases of a reader."""
    context = get_context("fork")
    place: Any = context.RawArray("d", [first, 0.0])  # number of the current case, processor time when it began
    with tempfile.TemporaryDirectory(prefix="fuzz-") as temporary:
        log = Path(temporary) / "results.jsonl"
        log.touch()
        while place[0] < first + cases:
            place[1], begin_s = 20, time.monotonic()  # to start
            process = context.Process(
                target=work, args=(folder, Path(temporary), log, name, seed, first + cases, place)
            )
            process.start()
            case = place[0]
            while process.is_alive() and spent_s(process.pid) - place[1] <= MOST_S:
                process.join(0.2)
                if place[0] != case:
                    case, begin_s = place[0], time.monotonic()
                elif time.monotonic() - begin_s > MOST_WAIT_S:
                    break
            ended = process.exitcode
            if ended is None:
                process.kill()
                process.join()
            if ended == 1:  # an error of this script
                raise click.ClickException((Path(temporary) / "output").read_text())
            if ended != 0:
                what = "hang" if ended is None else "crash"
                how = f"{MOST_S} s" if ended is None else signal.Signals(-ended).name if ended < 0 else f"exit {ended}"
                record(log, name, int(place[0]), what, how, "")
                place[0] += 1
        yield from map(json.loads, log.read_text(encoding="utf-8").splitlines())


def spent_s(process: int | None) -> float:
    """Processor time of a process."""
    try:
        words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def record(log: Path, reader: str, case: int, what: str, where: str = "", detail: str = "") -> None:
    """Append a result."""
    line = {"reader": reader, "case": case, "what": what, "where": where, "detail": detail}
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def work(folder: Path, temporary: Path, log: Path, name: str, seed: int, last: int, place: Any) -> None:
    """Read damaged files, case by case, in a working directory of its own."""
    inside = temporary / "work"
    shutil.rmtree(inside, ignore_errors=True)
    for parts in ("data/raw", "data/synthetic"):
        (inside / parts).mkdir(parents=True)
        for path in (folder / parts).iterdir():
            (inside / parts / path.name).symlink_to(path)
    (inside / "original").symlink_to(folder)
    for part in ("params.yaml", "metrics", "data/manifest.parquet", "data/features/vocoder"):
        copied = shutil.copytree if (folder / part).is_dir() else shutil.copyfile
        (inside / part).parent.mkdir(parents=True, exist_ok=True)
        copied(folder / part, inside / part)
    os.chdir(inside)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # readers then start no processes
    with (temporary / "output").open("w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    outside: list[str] = []
    sys.addaudithook(lambda event, args: watch(event, args, temporary, outside))
    reader = READERS[name]
    intact = reader.intact()
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + HARD_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    begin, damaged_before = peak(), None
    for case in range(int(place[0]), last):
        place[0], place[1] = case, time.process_time()
        rng = random.Random(f"{seed} {name} {case}")
        path = Path(rng.choice(sorted(intact)))
        for other in intact if damaged_before is None else [damaged_before]:
            Path(other).parent.mkdir(parents=True, exist_ok=True)
            Path(other).write_bytes(intact[other])
        damaged_before = str(path)
        keeps_form = reader.changed is not None and rng.random() < 0.5
        path.write_bytes(
            reader.changed(intact[str(path)], rng) if keeps_form and reader.changed else damaged(intact[str(path)], rng)
        )
        what, where, detail = "read", "", ""
        try:
            what = "refused" if reader.read(path, rng, damaged) else "read"
        except Refused:
            what = "refused"
        except BaseException as error:
            what, where, detail = type(error).__name__, source(error), str(error)
        if outside:
            what, detail = "write outside", outside.pop()
            outside.clear()
        used = peak() - begin
        if used > MOST_BYTES:
            what, detail = "memory", f"{used:,} bytes"
        record(log, name, case, what, where, detail)
        if used > MOST_BYTES:  # a new process counts from its own beginning
            place[0] = case + 1
            os._exit(0)
        shutil.rmtree("out", ignore_errors=True)
    place[0] = last
    os._exit(0)


def peak() -> int:
    """Memory that this process had, at most [bytes]."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def source(error: BaseException) -> str:
    """The last place of ours that an error passed."""
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "/pipeline/" in frame.filename]
    return f"{ours[-1].filename.rpartition('/pipeline/')[2]}:{ours[-1].lineno} {ours[-1].name}" if ours else "here"


def watch(event: str, args: tuple[Any, ...], inside: Path, outside: list[str]) -> None:
    """Remember what is written outside a folder."""
    places: tuple[Any, ...] = ()
    if event == "open" and isinstance(args[2], int) and args[2] & WRITES:
        places = args[:1]
    elif event in ("os.mkdir", "os.remove", "os.rmdir", "os.truncate"):
        places = args[:1]
    elif event in ("os.rename", "os.link", "os.symlink"):
        places = args[1:2]
    for place in places:
        if isinstance(place, str | bytes | os.PathLike):
            found = os.path.realpath(os.fsdecode(place))
            if not found.startswith((str(inside), "/dev/null", tempfile.gettempdir() + "/tmp")):
                outside.append(f"{event} {found}")


def damaged(content: bytes, rng: random.Random) -> bytes:
    """The content with one to three damages."""
    found = bytearray(content)
    is_text = b"\0" not in content[:2000]
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        if is_text and rng.random() < 0.7:
            found = bytearray(reworded(bytes(found), rng))
        else:
            damage(found, rng)
    return bytes(found)


def damage(content: bytearray, rng: random.Random) -> None:
    """Damage bytes, more often near the beginning or the end."""
    span = len(content)
    at = rng.choice(
        [rng.randrange(min(span, 256) or 1), rng.randrange(span or 1), max(span - 1 - rng.randrange(256), 0)]
    )
    size = rng.choice([1, 2, 16, 500, 5000])
    kind = rng.randrange(9)
    if kind == 0 and span:
        content[at] ^= 1 << rng.randrange(8)
    elif kind == 1 and span:
        for _ in range(rng.choice([2, 20, 200])):
            content[rng.randrange(span)] ^= 1 << rng.randrange(8)
    elif kind == 2:
        del content[at:]
    elif kind == 3:
        del content[at : at + size]
    elif kind == 4:
        content[at:at] = content[at : at + size] * rng.choice([1, 1, 30])
    elif kind == 5:
        content[at:at] = rng.choice([bytes(size), rng.randbytes(size), b"\xff" * size])
    elif kind in (6, 7):
        width = rng.choice([1, 2, 4, 8])
        integer = rng.choice([number for number in INTEGERS if number < 256**width])
        content[at : at + width] = integer.to_bytes(width, rng.choice(["little", "big"]))
    else:
        content[at : at + size] = content[:size]


def reworded(content: bytes, rng: random.Random) -> bytes:
    """Text with a word, a line or a separator changed."""
    kind = rng.randrange(6)
    lines = content.split(b"\n")
    at = rng.randrange(len(lines))
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(at, rng.choice(lines))
    elif kind == 2:
        marks = list(re.finditer(rb"[,;\t:\"\[\]{}]", lines[at]))
        if marks:
            mark = rng.choice(marks)
            lines[at] = lines[at][: mark.start()] + rng.choice([b"", mark[0] * 2, b" "]) + lines[at][mark.end() :]
    else:
        words = list(re.finditer(rb"[\w.+-]+", lines[at]))
        if words:
            word = rng.choice(words)
            new = rng.choice(WORDS).encode("utf-8", "surrogatepass")
            lines[at] = lines[at][: word.start()] + new + lines[at][word.end() :]
    return b"\n".join(lines)


if __name__ == "__main__":
    main()

"""The command line, `rnnha COMMAND`: its options; `rnnha.commands` does what they say."""

import argparse
import io
import os
import select
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from rnnha import __version__, commands, experiments, profiles
from rnnha.files import printable

_NAME = "rnnha: "
Command = Callable[[str, str, str], argparse.ArgumentParser]  # of name, help and example


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; an expected error is one clear line and exit code 1.

    Where nobody reads what is printed any more (`| head`), the exit code is 141 and nothing is
    said, as other programs do.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names that are no text are shown, too
    try:
        try:
            return _call(arguments)
        finally:
            if sys.stdout:
                sys.stdout.flush()  # here, not when Python ends: an error can still be told
    except OSError as error:
        quiet = isinstance(error, BrokenPipeError)
        if not quiet:
            _tell(f"what is printed cannot be written: {error}")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is left
        return 141 if quiet else 1


def _call(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return options.call(options) or 0
    except KeyboardInterrupt:
        _tell("interrupted; `run` goes on where it was")
        return 130
    except (ValueError, RuntimeError, OSError) as error:
        if isinstance(error, BrokenPipeError) and _reader_is_gone():
            raise
        _tell(str(error))
    except KeyError as error:  # its text is the repr of the message
        _tell(str(error.args[0]))
    return 1


def _tell(message: str) -> None:
    """Print an error, its later lines indented: so a newline in a file's name forges none."""
    print(_NAME + printable(message).replace("\n", "\n" + " " * len(_NAME)), file=sys.stderr)


def _reader_is_gone() -> bool:
    """Whether stdout is a pipe that has lost its reader; other pipes break for worse reasons."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # it tells errors, unasked
    return bool(poll.poll(0))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="rnnha", description="Coarse-to-fine vehicle re-identification (RNN-HA, ACCV 2018)."
    )
    parser.add_argument("--version", action="version", version=f"rnnha {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, help: str, example: str) -> argparse.ArgumentParser:
        sub = subparsers.add_parser(
            name,
            help=help,
            description=help,
            epilog=f"Example:  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(call=getattr(commands, name))
        return sub

    for commands_of in (
        _of_sets,
        _of_training,
        _of_scoring,
        _of_galleries,
        _of_pictures,
        _of_results,
        _of_pages,
    ):
        commands_of(command)
    return parser


def _of_sets(command: Command) -> None:
    command("data", "Unpack the shipped rendered sets.", "rnnha data")

    sub = command(
        "check",
        "Say which data set a folder holds, and whether it is whole.",
        "rnnha check data/VeRi",
    )
    sub.add_argument("path", type=Path, help="folder of a data set, or a CSV manifest")


def _of_training(command: Command) -> None:
    sub = command(
        "run",
        "Train and score one row of the tables.",
        "rnnha run rnn-ha --dataset rendered-veri --seed 0",
    )
    sub.add_argument("experiment", help=", ".join(row.slug for row in experiments.EVERY))
    sub.add_argument("--dataset", default="rendered-veri", help="a name, or a CSV manifest")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--profile", default="rendered", choices=sorted(profiles.PROFILES))
    sub.add_argument(
        "--holdout",
        action="store_true",
        help="test on a fifth of the training vehicles, to choose settings",
    )
    sub.add_argument(
        "--precision",
        default="float32",
        choices=profiles.PRECISIONS,
        help="bfloat16 is used only where a short timing shows a gain",
    )
    sub.add_argument("--force", action="store_true", help="train again although it is complete")
    sub.add_argument(
        "--dry-run",
        action="store_true",
        help="try one step without images and memory, and print the plan",
    )
    sub.add_argument("--step-seconds", type=float, help="to estimate hours in a dry run")

    sub = command(
        "finetune",
        "Fine-tune a trained RNN-HA on a set, and score it before and after.",
        "rnnha finetune photographs --seeds 0 1 2",
    )
    sub.add_argument("dataset", help="a name, or a CSV manifest")
    sub.add_argument("--checkpoint", type=Path, help="an RNN-HA to go on from (the shipped one)")
    sub.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    sub.add_argument("--profile", default="rendered", choices=sorted(profiles.PROFILES))
    sub.add_argument("--force", action="store_true", help="train again although it is complete")


def _of_scoring(command: Command) -> None:
    sub = command(
        "score",
        "Score anybody's embeddings, or trained weights, by the project's protocols.",
        "rnnha score --embeddings a.npy --manifest m.csv",
    )
    what = sub.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--embeddings", type=Path, help="float32 [N, D], a row for each row of the manifest"
    )
    what.add_argument("--checkpoint", type=Path, help="weights that this project trained")
    sub.add_argument(
        "--manifest",
        type=Path,
        help="of the embeddings: CSV with path, vehicle_id, split, camera_id",
    )
    sub.add_argument("--dataset", help="for the checkpoint: a name, or a CSV manifest")

    sub = command(
        "cross",
        "Score a finished run on another data set, for its table.",
        "rnnha cross rnn-ha --from rendered-veri --dataset rendered-vehicleid",
    )
    sub.add_argument("experiment", help="a row that trains a network")
    sub.add_argument("--from", dest="trained_on", required=True, help="the set it was trained on")
    sub.add_argument("--dataset", required=True, help="the set to score on: a name, or a CSV")
    sub.add_argument("--seed", type=int, default=0)

    sub = command(
        "maps",
        "Measure the attention and activation maps of finished runs, for their table.",
        "rnnha maps --datasets rendered-veri --seeds 0",
    )
    sub.add_argument("--datasets", nargs="+", help="rendered sets (all)")
    sub.add_argument("--rows", nargs="+", help="only these rows (all trained ones of the ablation)")
    sub.add_argument("--seeds", type=int, nargs="+", help="only these (all)")

    sub = command(
        "export",
        "Copy a finished run's weights, with a model card.",
        "rnnha export rnn-ha --dataset rendered-veri --out rnn_ha.safetensors",
    )
    sub.add_argument("experiment", help="a row that trains a network")
    sub.add_argument("--dataset", default="rendered-veri", help="a name, or a CSV manifest")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--out", type=Path, required=True, help="FILE.safetensors; FILE.md beside it")


def _of_galleries(command: Command) -> None:
    sub = command(
        "index",
        "Index the embeddings of a large gallery (needs faiss-cpu).",
        "rnnha index --embeddings a.npy --manifest m.csv --out city.index --kind ivf-pq",
    )
    sub.add_argument("--embeddings", type=Path, required=True, help="as for score, any numbers")
    sub.add_argument(
        "--manifest",
        type=Path,
        required=True,
        help="as for score, its gallery or test rows; only path is required",
    )
    sub.add_argument("--out", type=Path, required=True, help="folder to write")
    sub.add_argument(
        "--kind",
        choices=("exact", "ivf-pq"),
        default="exact",
        help="ivf-pq takes a fraction of memory and time, and misses some (exact)",
    )
    sub.add_argument("--seed", type=int, default=0, help="draws the training images (0)")

    sub = command(
        "search",
        "Find the images of an index that are nearest to queries.",
        "rnnha search --index city.index --embeddings q.npy --manifest q.csv --k 10",
    )
    sub.add_argument("--index", type=Path, required=True, help="folder that rnnha index wrote")
    sub.add_argument("--embeddings", type=Path, required=True, help="of the same network")
    sub.add_argument(
        "--manifest", type=Path, required=True, help="as for index; its query or test rows"
    )
    sub.add_argument("--k", type=int, default=10, help="images a query (10)")
    sub.add_argument("--nprobe", type=int, default=64, help="lists looked into by ivf-pq (64)")
    sub.add_argument("--out", type=Path, help="CSV file to write, instead of printing it")


def _of_pictures(command: Command) -> None:
    sub = command(
        "compare",
        "Say how alike two pictures of vehicles are.",
        "rnnha compare A.jpg B.jpg --figure pair.png",
    )
    sub.add_argument("images", type=Path, nargs=2, metavar="IMAGE")
    sub.add_argument("--checkpoint", type=Path, help="a network with attention (the shipped one)")
    sub.add_argument("--figure", type=Path, help="also draw both with their maps into this file")

    sub = command(
        "rank",
        "Find the pictures of a folder that are nearest to one picture.",
        "rnnha rank QUERY.jpg FOLDER --out build/rank",
    )
    sub.add_argument("query", type=Path)
    sub.add_argument("folder", type=Path, help="of pictures that are cut to the vehicle")
    sub.add_argument("--count", type=int, default=10, help="how many (10)")
    sub.add_argument("--checkpoint", type=Path, help="a network with attention (the shipped one)")
    sub.add_argument("--out", type=Path, help="folder for rank.png and rank.html, with the maps")

    sub = command(
        "explorer",
        "Write a page to play with attention maps, which opens without a network.",
        "rnnha explorer --out build/explorer.html",
    )
    sub.add_argument("--out", type=Path, help="the file to write (build/explorer.html)")


def _of_results(command: Command) -> None:
    sub = command(
        "weights",
        "Convert a backbone's ImageNet weights for this project.",
        "rnnha weights import VGG_CNN_M_1024.caffemodel",
    )
    sub.add_argument("action", choices=("import",))
    sub.add_argument("file", type=Path)
    sub.add_argument("--out", type=Path, help="file to write (into weights/ of the data folder)")

    sub = command(
        "tables",
        "Rebuild tables and figures from small results.",
        "rnnha tables --source reference",
    )
    sub.add_argument("--source", choices=("runs", "reference"), default="reference")
    sub.add_argument(
        "--compare",
        action="store_true",
        help="compare the runs with the committed reference, number by number",
    )

    sub = command(
        "status",
        "Say which runs are complete, unfinished, stale or missing.",
        "rnnha status --plan",
    )
    sub.add_argument("--datasets", nargs="+", help="those that the profile is meant for")
    sub.add_argument(
        "--rows",
        nargs="+",
        help='only these rows; "poster": all but our controls; "ablation": VGG-M at 224 and '
        'controls; "released": as the authors\' code computes them',
    )
    sub.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    sub.add_argument("--profile", default="rendered", choices=sorted(profiles.PROFILES))
    sub.add_argument("--plan", action="store_true", help="what is left, and how long it takes")
    sub.add_argument("--step-seconds", type=float, help="of a plan for profile paper (1)")
    sub.add_argument("--jobs", type=int, default=2, help="runs side by side, for the plan (2)")
    sub.add_argument(
        "--precision", default="float32", choices=profiles.PRECISIONS, help="for the plan"
    )
    sub.add_argument("--make", action="store_true", help="what is left, as a fragment for make")
    sub.add_argument("--finished", action="store_true", help="of --make: the finished runs alone")
    sub.add_argument("--force", action="store_true", help="finished runs are left, too")

    command(
        "accept", "Take finished runs as the reference; write the shipped networks.", "rnnha accept"
    )


def _of_pages(command: Command) -> None:
    sub = command(
        "notebook",
        "Execute a notebook; a failed one is kept as NAME.failed.ipynb.",
        "rnnha notebook notebooks/02_train.ipynb build/02.ipynb -p seed 0",
    )
    sub.add_argument("notebook", type=Path)
    sub.add_argument("out", type=Path)
    sub.add_argument(
        "-p", dest="parameters", nargs=2, action="append", default=[], metavar=("NAME", "VALUE")
    )

    command(
        "report", "Write the report: one site that opens offline, and a zip of it.", "rnnha report"
    )

    command(
        "slides", "Draw the lesson's figures and its slides, into build/slides.", "rnnha slides"
    )

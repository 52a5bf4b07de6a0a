"""The command line: `rnnha COMMAND`, each a thin call into the package."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rnnha import __version__, experiments, profiles
from rnnha.paths import DATA, REFERENCE, RESULTS, ROOT, atomic


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; an expected error is one clear line and exit code 1."""
    options = _parser().parse_args(arguments)
    try:
        return options.call(options) or 0
    except KeyboardInterrupt:
        print("rnnha: interrupted; `run` and `render` go on where they were", file=sys.stderr)
        return 130
    except (ValueError, RuntimeError, OSError) as error:
        print(f"rnnha: {error}", file=sys.stderr)
    except KeyError as error:  # its text is the repr of the message
        print(f"rnnha: {error.args[0]}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rnnha", description="Coarse-to-fine vehicle re-identification (RNN-HA, ACCV 2018)."
    )
    parser.add_argument("--version", action="version", version=f"rnnha {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, call: Callable, help: str, example: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name, help=help, description=help, epilog=f"Example:  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        sub.set_defaults(call=call)
        return sub

    sub = command("data", _data, "Unpack the shipped rendered sets.", "rnnha data")

    sub = command("check", _check, "Say which data set a folder holds, and whether it is whole.",
                  "rnnha check data/VeRi")  # fmt: skip
    sub.add_argument("path", type=Path, help="folder of a data set, or a CSV manifest")

    sub = command("render", _render, "Render a set, or one image of it, anew (needs mitsuba).",
                  "rnnha render rendered-veri --vehicle 12 --shot 3")  # fmt: skip
    sub.add_argument("set", choices=("rendered-veri", "rendered-vehicleid"))
    sub.add_argument("--out", type=Path, help="folder to write into (build/render/SET)")
    sub.add_argument("--vehicle", type=int, help="only this vehicle")
    sub.add_argument("--shot", type=int, help="only this image of the vehicle, counted from 0")
    sub.add_argument("--limit", type=int, help="only so many images, spread over the set")
    sub.add_argument("--workers", type=int, help="processes side by side (one a core)")
    sub.add_argument("--audit", action="store_true", help="can it be solved without the cues?")

    sub = command("run", _run, "Train and score one row of the tables.",
                  "rnnha run rnn-ha --dataset rendered-veri --seed 0")  # fmt: skip
    sub.add_argument("experiment", help=", ".join(r.slug for r in experiments.ROWS if r.method))
    sub.add_argument("--dataset", default="rendered-veri", help="a name, or a CSV manifest")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--profile", default="rendered", choices=sorted(profiles.PROFILES))
    sub.add_argument("--holdout", action="store_true",
                     help="test on a fifth of the training vehicles, to choose settings")
    sub.add_argument("--precision", default="float32", choices=("float32", "bfloat16"),
                     help="bfloat16 is used only where a short timing shows a gain")
    sub.add_argument("--force", action="store_true", help="train again although it is complete")

    sub.add_argument("--dry-run", action="store_true",
                     help="try one step without images and memory, and print the plan")
    sub.add_argument("--step-seconds", type=float, help="to estimate hours in a dry run")

    sub = command("score", _score,
                  "Score anybody's embeddings, or trained weights, by the project's protocols.",
                  "rnnha score --embeddings a.npy --manifest m.csv")  # fmt: skip
    what = sub.add_mutually_exclusive_group(required=True)
    what.add_argument("--embeddings", type=Path,
                      help="float32 [N, D], a row for each row of the manifest")
    what.add_argument("--checkpoint", type=Path, help="weights that this project trained")
    sub.add_argument("--manifest", type=Path,
                     help="of the embeddings: CSV with path, vehicle_id, split, camera_id")
    sub.add_argument("--dataset", help="for the checkpoint: a name, or a CSV manifest")

    sub = command("cross", _cross, "Score a finished run on another data set, for its table.",
                  "rnnha cross rnn-ha --from rendered-veri --dataset rendered-vehicleid"
                  )  # fmt: skip
    sub.add_argument("experiment", help="a row that trains a network")
    sub.add_argument("--from", dest="trained_on", required=True, help="the set it was trained on")
    sub.add_argument("--dataset", required=True, help="the set to score on: a name, or a CSV")
    sub.add_argument("--seed", type=int, default=0)

    sub = command("export", _export, "Copy a finished run's weights, with a model card.",
                  "rnnha export rnn-ha --dataset rendered-veri --out rnn_ha.safetensors"
                  )  # fmt: skip
    sub.add_argument("experiment", help="a row that trains a network")
    sub.add_argument("--dataset", default="rendered-veri", help="a name, or a CSV manifest")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--out", type=Path, required=True, help="FILE.safetensors; FILE.md beside it")

    sub = command("index", _index, "Index the embeddings of a large gallery (needs faiss-cpu).",
                  "rnnha index --embeddings a.npy --manifest m.csv --out city.index"
                  " --kind ivf-pq")  # fmt: skip
    sub.add_argument("--embeddings", type=Path, required=True, help="as for score, any numbers")
    sub.add_argument("--manifest", type=Path, required=True,
                     help="as for score, its gallery or test rows; only path is required")
    sub.add_argument("--out", type=Path, required=True, help="folder to write")
    sub.add_argument("--kind", choices=("exact", "ivf-pq"), default="exact",
                     help="ivf-pq takes a fraction of memory and time, and misses some (exact)")
    sub.add_argument("--seed", type=int, default=0, help="draws the training images (0)")

    sub = command("search", _search, "Find the images of an index that are nearest to queries.",
                  "rnnha search --index city.index --embeddings q.npy --manifest q.csv --k 10")
    sub.add_argument("--index", type=Path, required=True, help="folder that rnnha index wrote")
    sub.add_argument("--embeddings", type=Path, required=True, help="of the same network")
    sub.add_argument("--manifest", type=Path, required=True,
                     help="as for index; its query or test rows")
    sub.add_argument("--k", type=int, default=10, help="images a query (10)")
    sub.add_argument("--nprobe", type=int, default=64, help="lists looked into by ivf-pq (64)")
    sub.add_argument("--out", type=Path, help="CSV file to write, instead of printing it")

    sub = command("compare", _compare, "Say how alike two pictures of vehicles are.",
                  "rnnha compare A.jpg B.jpg --figure pair.png")  # fmt: skip
    sub.add_argument("images", type=Path, nargs=2, metavar="IMAGE")
    sub.add_argument("--checkpoint", type=Path, help="a network with attention (the shipped one)")
    sub.add_argument("--figure", type=Path, default=Path("pair.png"))

    sub = command("weights", _weights, "Convert a backbone's ImageNet weights for this project.",
                  "rnnha weights import VGG_CNN_M_1024.caffemodel")  # fmt: skip
    sub.add_argument("action", choices=("import",))
    sub.add_argument("file", type=Path)
    sub.add_argument("--out", type=Path, help="file to write (into weights/ of the data folder)")

    sub = command("tables", _tables, "Rebuild tables and figures from small results.",
                  "rnnha tables --source reference")  # fmt: skip
    sub.add_argument("--source", choices=("runs", "reference"), default="reference")
    sub.add_argument("--compare", action="store_true",
                     help="compare the runs with the committed reference, number by number")

    sub = command("status", _status, "Say which runs are complete, unfinished, stale or missing.",
                  "rnnha status --plan")  # fmt: skip
    sub.add_argument("--datasets", nargs="+", help="those that the profile is meant for")
    sub.add_argument("--rows", nargs="+", help='only these rows; "ablation": those at 224; '
                     '"released": as the authors\' code computes them')
    sub.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    sub.add_argument("--profile", default="rendered", choices=sorted(profiles.PROFILES))
    sub.add_argument("--plan", action="store_true", help="what is left, and how long it takes")
    sub.add_argument("--step-seconds", type=float, help="of a plan for profile paper (1)")
    sub.add_argument("--jobs", type=int, default=2, help="runs side by side, for the plan (2)")
    sub.add_argument("--targets", action="store_true", help="for make: a run a line")

    sub = command("accept", _accept, "Take finished runs as the reference; write the checkpoint.",
                  "rnnha accept")  # fmt: skip

    sub = command("notebook", _notebook,
                  "Execute a notebook; a failed one is kept as NAME.failed.ipynb.",
                  "rnnha notebook notebooks/02_train.ipynb build/02.ipynb -p seed 0")  # fmt: skip
    sub.add_argument("notebook", type=Path)
    sub.add_argument("out", type=Path)
    sub.add_argument("-p", dest="parameters", nargs=2, action="append", default=[],
                     metavar=("NAME", "VALUE"))

    sub = command("report", _report, "Export executed notebooks to one page that opens offline.",
                  "rnnha report")  # fmt: skip
    return parser


# The imports are in the commands: `rnnha tables` must not wait for torch, nor `--help` for either.


def _data(options) -> None:
    from rnnha.rendering.archive import unpack

    for name in ("rendered-veri", "rendered-vehicleid"):
        print(unpack(name, source=ROOT / "data"))


def _check(options) -> int:
    from rnnha.data.check import check

    report = check(options.path)
    print(report)
    return 0 if report.ok else 1


def _render(options) -> None:
    from rnnha.rendering import audit, dataset

    if options.audit:
        target = RESULTS / "data_audit.csv"
        print(audit.audit(options.set, DATA / options.set, target).to_string(index=False))
        return
    out = options.out or ROOT / "build" / "render" / options.set
    vehicles = None if options.vehicle is None else [options.vehicle]
    print(dataset.render(options.set, out, vehicles=vehicles, shot=options.shot,
                         limit=options.limit, workers=options.workers))  # fmt: skip


def _run(options) -> None:
    if options.dry_run:
        from rnnha.dryrun import dry_run

        print(dry_run(options.experiment, options.dataset, options.profile, options.step_seconds))
        return
    from rnnha import distributed
    from rnnha.run import run

    with distributed.session():
        folder = run(options.experiment, options.dataset, options.seed, options.profile,
                     holdout=options.holdout, force=options.force,
                     precision=options.precision)  # fmt: skip
        if distributed.is_writer():
            print(f"{folder / 'metrics.csv'}")


def _score(options) -> None:
    from rnnha.protocols import summarise

    if options.checkpoint:
        from rnnha.cross import score_checkpoint
        from rnnha.data import load

        if not options.dataset or options.manifest:
            raise ValueError("--checkpoint is scored on a --dataset (a name, or a CSV manifest)")
        found = score_checkpoint(options.checkpoint, load(options.dataset))
    else:
        from rnnha.scoring import score_files

        if not options.manifest or options.dataset:
            raise ValueError("--embeddings are described by a --manifest (a CSV)")
        found = score_files(options.embeddings, options.manifest)
    print(summarise(found).to_string(index=False))


def _cross(options) -> None:
    from rnnha.cross import cross

    folder = cross(options.experiment, options.trained_on, options.dataset, options.seed)
    print(folder / "metrics.csv")


def _export(options) -> None:
    from rnnha.export import export

    for path in export(options.experiment, options.dataset, options.seed, options.out):
        print(path)


def _index(options) -> None:
    from rnnha.large_gallery import build

    report = build(options.embeddings, options.manifest, options.out, options.kind, options.seed)
    size = sum(file.stat().st_size for file in options.out.iterdir())
    print(f"{report.text}\n{options.out}: {size / 1e6:,.1f} MB")


def _search(options) -> None:
    from rnnha.large_gallery import search

    found = search(options.index, options.embeddings, options.manifest, options.k, options.nprobe)
    if options.out is None:
        found.to_csv(sys.stdout, index=False, float_format="%.5f")
        return
    with atomic(options.out) as temporary:
        found.to_csv(temporary, index=False, float_format="%.5f")
    print(options.out)


def _compare(options) -> None:
    from rnnha import pairs

    pair = pairs.compare(*options.images, options.checkpoint or pairs.CHECKPOINT)
    pairs.save_figure(pair, options.figure)
    print(f"{pair.text}\n{options.figure}")


def _weights(options) -> None:
    from rnnha.weights import import_weights

    print(import_weights(options.file, options.out))


def _tables(options) -> None:
    from rnnha import readme, report

    if options.compare:
        print(report.comparison_text(RESULTS / "runs", REFERENCE))
        return
    source = REFERENCE if options.source == "reference" else RESULTS / "runs"
    for path in report.write_all(source, RESULTS):
        print(path)
    if source == REFERENCE and RESULTS == ROOT / "results":
        readme.refresh(RESULTS / "tables")


def _status(options) -> None:
    profile = profiles.profile(options.profile)
    datasets = options.datasets or profile.datasets
    wanted = profiles.targets(datasets, options.rows, options.seeds, profile)
    if options.targets:
        for dataset, row, seed in wanted:
            stage0 = experiments.stage0_of(experiments.row(row))
            print(dataset, row, seed, stage0.slug if stage0 else "-")
        return
    from rnnha import status

    if not options.plan:
        print(status.text(wanted, options.profile))
        return
    for line in status.plan(wanted, options.profile, options.jobs, options.step_seconds):
        print(line, flush=True)


def _accept(options) -> None:
    from rnnha import reference, release
    from rnnha.results import ResultsError

    for path in reference.accept(RESULTS / "runs", REFERENCE):
        print(path)
    try:
        for path in release.release():
            print(path)
    except ResultsError as error:
        print(f"no checkpoint was written: {error}")


def _notebook(options) -> None:
    from rnnha.notebooks import execute

    execute(options.notebook, options.out, dict(options.parameters))


def _report(options) -> None:
    from rnnha.notebooks import report

    print(report())

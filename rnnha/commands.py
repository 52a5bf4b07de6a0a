"""What each command of the command line does: a thin call into the package.

The imports are in the functions: `rnnha tables` must not wait for torch, nor `--help` for either.
"""

import sys
from argparse import Namespace

from rnnha import experiments, profiles
from rnnha.paths import DATA, REFERENCE, RESULTS, ROOT, atomic


def data(options: Namespace) -> None:
    from rnnha.rendering.archive import unpack

    for name in ("rendered-veri", "rendered-vehicleid"):
        print(unpack(name, source=ROOT / "data"))


def check(options: Namespace) -> int:
    from rnnha.data.check import check

    report = check(options.path)
    print(report)
    return 0 if report.ok else 1


def render(options: Namespace) -> None:
    from rnnha.rendering import audit, dataset

    if options.audit:
        target = RESULTS / "data_audit.csv"
        print(audit.audit(options.set, DATA / options.set, target).to_string(index=False))
        return
    out = options.out or ROOT / "build" / "render" / options.set
    vehicles = None if options.vehicle is None else [options.vehicle]
    print(dataset.render(options.set, out, vehicles=vehicles, shot=options.shot,
                         limit=options.limit, workers=options.workers))  # fmt: skip


def run(options: Namespace) -> None:
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


def score(options: Namespace) -> None:
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


def cross(options: Namespace) -> None:
    from rnnha.cross import cross

    folder = cross(options.experiment, options.trained_on, options.dataset, options.seed)
    print(folder / "metrics.csv")


def export(options: Namespace) -> None:
    from rnnha.export import export

    for path in export(options.experiment, options.dataset, options.seed, options.out):
        print(path)


def index(options: Namespace) -> None:
    from rnnha.large_gallery import build

    report = build(options.embeddings, options.manifest, options.out, options.kind, options.seed)
    size = sum(file.stat().st_size for file in options.out.iterdir())
    print(f"{report.text}\n{options.out}: {size / 1e6:,.1f} MB")


def search(options: Namespace) -> None:
    from rnnha.large_gallery import search

    found = search(options.index, options.embeddings, options.manifest, options.k, options.nprobe)
    if options.out is None:
        found.to_csv(sys.stdout, index=False, float_format="%.5f")
        return
    with atomic(options.out) as temporary:
        found.to_csv(temporary, index=False, float_format="%.5f")
    print(options.out)


def compare(options: Namespace) -> None:
    from rnnha import pairs

    pair = pairs.compare(*options.images, options.checkpoint or pairs.CHECKPOINT)
    pairs.save_figure(pair, options.figure)
    print(f"{pair.text}\n{options.figure}")


def weights(options: Namespace) -> None:
    from rnnha.weights import import_weights

    print(import_weights(options.file, options.out))


def tables(options: Namespace) -> None:
    from rnnha import readme, report

    if options.compare:
        print(report.comparison_text(RESULTS / "runs", REFERENCE))
        return
    source = REFERENCE if options.source == "reference" else RESULTS / "runs"
    for path in report.write_all(source, RESULTS):
        print(path)
    if source == REFERENCE and RESULTS == ROOT / "results":
        readme.refresh(RESULTS / "tables")


def status(options: Namespace) -> None:
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


def accept(options: Namespace) -> None:
    from rnnha import reference, release
    from rnnha.results import ResultsError

    for path in reference.accept(RESULTS / "runs", REFERENCE):
        print(path)
    try:
        for path in release.release():
            print(path)
    except ResultsError as error:
        print(f"no checkpoint was written: {error}")


def notebook(options: Namespace) -> None:
    from rnnha.notebooks import execute

    execute(options.notebook, options.out, dict(options.parameters))


def report(options: Namespace) -> None:
    from rnnha.notebooks import report

    print(report())

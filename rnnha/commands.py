"""What each command of the command line does: a thin call into the package.

The imports are in the functions: `rnnha tables` must not wait for torch, nor `--help` for either.
"""

import sys
from argparse import Namespace

from rnnha import paths
from rnnha.files import printable
from rnnha.paths import atomic


def data(options: Namespace) -> None:
    from rnnha.data.archives import unpack
    from rnnha.data.sets import SETS

    for data_set in SETS.values():
        if data_set.archives:
            print(unpack(data_set))


def check(options: Namespace) -> int:
    from rnnha.data.check import check

    report = check(options.path)
    print(printable(str(report)))
    return 0 if report.ok else 1


def run(options: Namespace) -> None:
    if options.dry_run:
        from rnnha.runs.dryrun import dry_run

        wanted = options.experiment, options.dataset, options.profile
        print(dry_run(*wanted, options.step_seconds, options.holdout))
        return
    if options.step_seconds is not None:
        raise ValueError("--step-seconds is for a dry run: add --dry-run, or leave it out")
    from rnnha.runs.run import run
    from rnnha.training import processes

    with processes.session():
        folder = run(
            options.experiment,
            options.dataset,
            options.seed,
            options.profile,
            holdout=options.holdout,
            force=options.force,
            precision=options.precision,
        )
        if processes.is_writer():
            print(folder / "metrics.csv")


def finetune(options: Namespace) -> None:
    from rnnha.data import sets
    from rnnha.methods.finetuned import SHIPPED
    from rnnha.runs import folder
    from rnnha.runs.finetune import finetune
    from rnnha.runs.results import Results
    from rnnha.tables import finetuned
    from rnnha.training import processes

    with processes.session():
        made = finetune(
            options.dataset,
            options.seeds,
            options.profile,
            options.checkpoint or SHIPPED,
            options.force,
        )
        if processes.is_writer():
            print(finetuned.text(Results(folder.own(), sets.name_of(options.dataset))))
            for run in made[1:]:
                print(run.weights)


def score(options: Namespace) -> None:
    from rnnha.scoring.protocols import summarise

    if options.checkpoint:
        from rnnha.data.sets import load
        from rnnha.runs.cross import score_checkpoint

        if not options.dataset or options.manifest:
            raise ValueError("--checkpoint is scored on a --dataset (a name, or a CSV manifest)")
        found = score_checkpoint(options.checkpoint, load(options.dataset))
    else:
        from rnnha.scoring.files import score_files

        if not options.manifest or options.dataset:
            raise ValueError("--embeddings are described by a --manifest (a CSV)")
        found = score_files(options.embeddings, options.manifest)
    print(summarise(found).to_string(index=False))


def cross(options: Namespace) -> None:
    from rnnha.runs.cross import cross

    folder = cross(options.experiment, options.trained_on, options.dataset, options.seed)
    print(folder / "metrics.csv")


def maps(options: Namespace) -> None:
    from tqdm import tqdm

    from rnnha.runs.maps import measurable, measure_maps

    runs = measurable(options.datasets, options.rows, options.seeds)
    for run in tqdm(runs, unit="run", desc="maps"):
        tqdm.write(str(measure_maps(run)))


def export(options: Namespace) -> None:
    from rnnha.runs.export import export

    for path in export(options.experiment, options.dataset, options.seed, options.out):
        print(path)


def index(options: Namespace) -> None:
    from rnnha.gallery.index import build

    built = build(options.embeddings, options.manifest, options.out, options.kind, options.seed)
    size = sum(file.stat().st_size for file in options.out.iterdir())
    print(f"{built.text}\n{options.out}: {size / 1e6:,.1f} MB")


def search(options: Namespace) -> None:
    from rnnha.gallery.search import search_in_parts, to_csv

    found = search_in_parts(
        options.index, options.embeddings, options.manifest, options.k, options.nprobe
    )
    if options.out is None:
        to_csv(found, sys.stdout)
        return
    with atomic(options.out) as temporary:
        to_csv(found, temporary)
    print(options.out)


def compare(options: Namespace) -> None:
    from rnnha.figures import pair as figure
    from rnnha.runs.compare import CHECKPOINT, compare

    if options.figure:
        figure.expect_format(options.figure)
    pair = compare(*options.images, options.checkpoint or CHECKPOINT)
    print(pair.text)
    if options.figure:
        figure.save(pair, options.figure)
        print(options.figure)


def rank(options: Namespace) -> None:
    from rnnha.figures import rank as figure
    from rnnha.runs.compare import CHECKPOINT
    from rnnha.runs.rank import rank

    ranked = rank(options.query, options.folder, options.count, options.checkpoint or CHECKPOINT)
    print(printable(ranked.text))
    if options.out:
        for path in figure.save(ranked, options.out):
            print(path)


def explorer(options: Namespace) -> None:
    from rnnha.explorer.page import place, save

    file = options.out or place()
    for sentence in save(file):
        print(f"left out: {sentence}")
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")


def weights(options: Namespace) -> None:
    from rnnha.models.pretrained.weights import import_weights

    print(import_weights(options.file, options.out))


def tables(options: Namespace) -> None:
    from rnnha.runs import folder

    if options.compare:
        from rnnha.tables.reference import comparison_text

        print(comparison_text(folder.own(), paths.REFERENCE))
        return
    from rnnha.report.rebuild import rebuild

    source = folder.source(options.source)
    for path in rebuild(source, paths.RESULTS):
        print(path)


def status(options: Namespace) -> None:
    from rnnha import profiles
    from rnnha.runs.plan import plan, targets

    profile = profiles.profile(options.profile)
    datasets = options.datasets or profile.datasets
    if options.make:
        from rnnha.report.chapters import finished_targets, fragment

        wanted = (
            finished_targets(datasets)
            if options.finished
            else targets(datasets, options.rows, options.seeds, profile)
        )
        print(fragment(wanted, datasets, options.force))
        return
    wanted = targets(datasets, options.rows, options.seeds, profile)
    if options.plan:
        lines = plan(
            wanted,
            options.profile,
            options.jobs,
            options.step_seconds,
            options.force,
            options.precision,
        )
    else:
        from rnnha.runs.status import lines as states

        lines = states(wanted, options.profile)
    for line in lines:
        print(line, flush=True)


def accept(options: Namespace) -> None:
    from rnnha.runs import folder, release
    from rnnha.runs.results import ResultsError
    from rnnha.tables import reference

    for path in reference.accept(folder.own(), paths.REFERENCE):
        print(path)
    try:
        for path in release.release():
            print(path)
    except ResultsError as error:
        print(f"no checkpoint was written: {error}")


def notebook(options: Namespace) -> None:
    from rnnha.report.execute import execute

    execute(options.notebook, options.out, dict(options.parameters))


def report(options: Namespace) -> None:
    from rnnha.report.site import report

    print(report())


def slides(options: Namespace) -> None:
    from rnnha.report.slides import slides

    print(slides(paths.ROOT / "build" / "slides"))

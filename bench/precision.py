"""Does bfloat16 change the results? Every trained row of the tables on rendered sets, in both.

    make reproduce PRECISION=bfloat16 RNNHA_RESULTS=build/bfloat16     (or some ROWS of it)
    PYTHONPATH=. python bench/precision.py [--datasets rendered-veri ...] [--write]

In float32 they are those of results/reference. Each seed has a stage 0 of its own in each
precision. Shown are the mean and the standard deviation over seeds, which is what "the same" is
measured by, and the difference of the means, paired by query, with its 95 % interval over test
vehicles. `--write` keeps the table in results/bench. Ends with an error where no row is finished
or one took another precision: a processor that gains nothing by bfloat16 does not use it.
"""

import argparse

from machine import keep

from rnnha.data.sets import with_table
from rnnha.experiments import Row, rows_of
from rnnha.methods.base import of
from rnnha.paths import REFERENCE, ROOT
from rnnha.runs.folder import finished
from rnnha.runs.results import Results, configurations
from rnnha.scoring.intervals import paired_difference
from rnnha.tables import differences
from rnnha.tables.pages import label

SOURCES = {"float32": REFERENCE, "bfloat16": ROOT / "build" / "bfloat16" / "runs"}
COLUMNS = [
    "dataset",
    "test_size",
    "protocol",
    "method",
    "metric",
    "float32",
    "sd_float32",
    "bfloat16",
    "sd_bfloat16",
    "difference",
    "ci_low",
    "ci_high",
    "n_seeds",
]


def trained(dataset: str) -> list[Row]:
    """The trained rows of the set's table that are finished in bfloat16; SystemExit where there is
    none, or one of either source is not in its precision."""
    found = with_table(dataset)
    rows = [
        row
        for row in rows_of(found.poster.name, found.synthetic)
        if row.slug != "untrained"
        and of(row).has_weights
        and finished(SOURCES["bfloat16"], dataset, row.slug)
    ]
    if not rows:
        raise SystemExit(f"{SOURCES['bfloat16'] / dataset}: no finished run of a trained row")
    for row in rows:
        for precision, source in SOURCES.items():
            used = {c["precision"] for c in configurations(source, dataset, row.slug)}
            if used != {precision}:
                found = f"runs in {' and '.join(map(str, used))}" if used else "no finished run"
                raise SystemExit(f"{source / dataset / row.slug}: expected {precision}: {found}")
    return rows


def compare(dataset: str) -> list[dict]:
    """A row of COLUMNS for each method and metric, over the seeds that both have; percent."""
    full, half = (Results(source, dataset) for source in SOURCES.values())
    poster, rows = with_table(dataset).poster, []
    size = poster.largest
    for row in trained(dataset):
        for metric in poster.metrics:
            a, b = (r.by_seed(row.slug, poster.protocol, size, metric) for r in (half, full))
            seeds = a.columns.intersection(b.columns)
            a, b = a[seeds], b[seeds].reindex(a.index)
            vehicles = a.index.get_level_values("vehicle_id").to_numpy()
            found = paired_difference(a.mean(axis=1), b.mean(axis=1), vehicles)
            rows.append(
                {
                    "dataset": dataset,
                    "test_size": size,
                    "protocol": poster.protocol,
                    "method": row.title,
                    "metric": metric,
                    "float32": b.mean(axis=None),
                    "sd_float32": differences.sd(b.mean()),
                    "bfloat16": a.mean(axis=None),
                    "sd_bfloat16": differences.sd(a.mean()),
                    "difference": found.estimate,
                    "ci_low": found.low,
                    "ci_high": found.high,
                    "n_seeds": len(seeds),
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", nargs="+", default=["rendered-veri", "rendered-vehicleid"])
    parser.add_argument("--write", action="store_true", help="keep results/bench/precision.csv")
    arguments = parser.parse_args()
    rows = [row for dataset in arguments.datasets for row in compare(dataset)]
    for r in rows:
        print(
            f"{r['dataset']:20}{r['method']:22}{label(r['metric']):7}"
            f"float32 {r['float32']:6.2f} ± {r['sd_float32']:.2f}  "
            f"bfloat16 {r['bfloat16']:6.2f} ± {r['sd_bfloat16']:.2f}  "
            f"difference {r['difference']:+.2f} [{r['ci_low']:+.2f}, {r['ci_high']:+.2f}]"
        )
    if arguments.write:
        keep(rows, COLUMNS, "precision.csv", threads=1, case=("dataset",))


if __name__ == "__main__":
    main()

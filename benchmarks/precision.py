"""Does bfloat16 change the results? The paper's ablation on rendered sets, once more with it.

    make reproduce ROWS=ablation DATASETS=rendered-veri        # the float32 runs
    PYTHONPATH=. python benchmarks/precision.py [--datasets rendered-veri] [--write]

Trains FC-HA, RNN-H and RNN-HA with `rnnha run --precision bfloat16`, each seed with a stage 0 of
its own, into build/bfloat16, one training a core; goes on where an earlier call stopped. Beside
them stand the float32 runs in results/runs, seed by seed: the difference of the means, paired by
query, with its 95 % interval over test vehicles, and the standard deviation over seeds, which
is what "the same" is measured by. `--write` keeps the table in results/bench. Ends with an error
where this processor gains nothing by bfloat16, since then `rnnha run` does not use it.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from machine import cores, keep

from rnnha import comparisons
from rnnha.experiments import row, stage0_of
from rnnha.layout import label, layout_of
from rnnha.paths import RESULTS, ROOT
from rnnha.results import Results, runs
from rnnha.statistics import paired_difference

ROWS = ("fc-ha", "rnn-h", "rnn-ha")
COLUMNS = ["dataset", "test_size", "protocol", "method", "metric", "float32", "sd_float32",
           "bfloat16", "sd_bfloat16", "difference", "ci_low", "ci_high", "n_seeds"]  # fmt: skip


def train(dataset: str, seed: int, folder: Path) -> None:
    """Stage 0 and the rows of a seed, in a process each; SystemExit where one fails."""
    for slug in (stage0_of(row(ROWS[0])).slug, *ROWS):
        command = [sys.executable, "-m", "rnnha", "run", slug, "--dataset", dataset,
                   "--seed", str(seed), "--precision", "bfloat16"]  # fmt: skip
        single = {"RNNHA_RESULTS": str(folder), "OMP_NUM_THREADS": "1"}
        if subprocess.run(command, env=os.environ | single).returncode:
            raise SystemExit(f"failed: {' '.join(command)}")
        run = folder / "runs" / dataset / slug / f"seed{seed}"
        used = json.loads((run / "env.json").read_text())["precision"]
        if used != "bfloat16":
            raise SystemExit(f"{run} took {used}: no gain by bfloat16 on this processor")


def compare(full: Results, half: Results) -> list[dict]:
    """A row of COLUMNS for each method and metric, over the seeds that both have; percent."""
    layout, rows = layout_of(full.dataset), []
    size = list(layout.sizes)[-1]
    for slug in ROWS:
        for metric in layout.metrics:
            a, b = (r.by_seed(slug, layout.protocol, size, metric) for r in (half, full))
            if a is None or b is None:
                raise SystemExit(f"no finished {slug} in {full.source}; make reproduce trains it")
            seeds = a.columns.intersection(b.columns)
            a, b = a[seeds], b[seeds].reindex(a.index)
            vehicles = a.index.get_level_values("vehicle_id").to_numpy()
            found = paired_difference(a.mean(axis=1), b.mean(axis=1), vehicles)
            rows.append({
                "dataset": full.dataset, "test_size": size, "protocol": layout.protocol,
                "method": row(slug).title, "metric": metric,
                "float32": b.mean(axis=None), "sd_float32": comparisons.sd(b.mean()),
                "bfloat16": a.mean(axis=None), "sd_bfloat16": comparisons.sd(a.mean()),
                "difference": found.estimate, "ci_low": found.low, "ci_high": found.high,
                "n_seeds": len(seeds),
            })  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", nargs="+", default=["rendered-veri"])
    parser.add_argument("--write", action="store_true", help="keep results/bench/precision.csv")
    arguments = parser.parse_args()
    float32, folder, rows = RESULTS / "runs", ROOT / "build" / "bfloat16", []
    trainings = [(dataset, seed, folder) for dataset in arguments.datasets
                 for seed in runs(float32, dataset, ROWS[-1])]  # fmt: skip
    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(lambda training: train(*training), trainings))
    for dataset in arguments.datasets:
        rows += compare(Results(float32, dataset), Results(folder / "runs", dataset))
    for r in rows:
        print(f"{r['dataset']:20}{r['method']:22}{label(r['metric']):7}"
              f"float32 {r['float32']:6.2f} ± {r['sd_float32']:.2f}  "
              f"bfloat16 {r['bfloat16']:6.2f} ± {r['sd_bfloat16']:.2f}  "
              f"difference {r['difference']:+.2f} [{r['ci_low']:+.2f}, {r['ci_high']:+.2f}]")
    if arguments.write:
        keep(rows, COLUMNS, "precision.csv", threads=1)


if __name__ == "__main__":
    main()

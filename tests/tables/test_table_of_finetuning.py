"""Before, after and from scratch: numbers by hand, and a page that says what they allow."""

import json

import pandas as pd
import pytest

import fake_runs
from rnnha.runs.results import Results, ResultsError
from rnnha.runs.small_files import write_per_query
from rnnha.tables import finetuned

PROTOCOL = "cross-camera"
START = {
    "row": "rnn-ha",
    "sha256": "ab" * 32,
    "seen": [{"dataset": "rendered-veri", "synthetic": True, "vehicles": 600}],
}
PHASE = {"epochs": 3, "batch": 32, "optimizer": "sgd", "lr": 0.05, "one_cycle": True}
# ranks of the one right image among 10, and among the 5 of the query's type
RANKS = {
    ("rnn-ha-given", 0): ((1, 4, 2), (1, 3, 2)),
    ("rnn-ha-finetuned", 0): ((1, 2, 1), (1, 2, 1)),
    ("rnn-ha-finetuned", 1): ((1, 1, 1), (1, 1, 1)),
    ("rnn-ha", 0): ((2, 2, 1), (2, 2, 1)),
}


def write(source, slug, seed, start=START):
    parts = []
    for suffix, size, ranks in zip(("", " (same type)"), (10, 5), RANKS[slug, seed], strict=True):
        scores = {f"{v}.jpg": (v, 1 / rank, rank) for v, rank in enumerate(ranks)}
        frame = fake_runs.queries(scores, PROTOCOL + suffix)
        parts.append(frame.assign(n_gallery=size))
    run = fake_runs.write_run(source, "photographs", slug, seed, pd.concat(parts))
    config = {
        "checkpoint": start,
        "phases": [PHASE],
        "profile": "rendered",
        "train_images": 184,
        "train_vehicles": 92,
    }
    (run / "config.json").write_text(json.dumps({"settings_key": "k"} | config))
    (run / "env.json").write_text(json.dumps({"hardware": "h", "commit": f"c-{slug}"}))


@pytest.fixture
def results(tmp_path):
    for slug, seed in RANKS:
        write(tmp_path, slug, seed)
    return Results(tmp_path, "photographs")


def test_numbers_and_differences_by_hand(results):
    table = finetuned.build(results)
    scores = table[table["quantity"] == "score"].set_index(["method", "metric"])["ours"]
    given, after, scratch = (f"RNN-HA, {how}" for how in ("as given", "fine-tuned", "from scratch"))
    assert scores[given, "mAP"] == pytest.approx(100 * (1 + 1 / 4 + 1 / 2) / 3)
    assert scores[given, "top1"] == pytest.approx(100 / 3)
    assert scores[after, "mAP"] == pytest.approx((100 * 2.5 / 3 + 100) / 2)
    # of 9 other images 0, 3 and 1 lie nearer than the right one; of the 4 of one type 0, 2 and 1
    assert scores[given, "AUC"] == pytest.approx(100 * (1 - (0 + 3 + 1) / 27))
    assert scores[given, "AUC within one type"] == pytest.approx(100 * (1 - (0 + 2 + 1) / 12))
    assert scores[scratch, "AUC"] == pytest.approx(100 * (1 - 2 / 27))
    change = table[table["quantity"] == "difference"].set_index(["minus", "metric"])
    gain = change.loc[(given, "mAP")]  # the one checkpoint stands against both seeds
    by_seed = [100 * 0.75 / 3, 100 * 1.25 / 3]
    assert gain["ours"] == pytest.approx(sum(by_seed) / 2) and gain["n_seeds"] == 2
    assert gain["sd"] == pytest.approx((by_seed[1] - by_seed[0]) / 2**0.5)
    assert (gain["ci_low"], gain["ci_high"]) == (pytest.approx(0), pytest.approx(50))
    assert change.loc[(scratch, "mAP"), "n_seeds"] == 1  # only the seed that both have
    assert change.loc[(scratch, "mAP"), "ours"] == pytest.approx(100 * 0.5 / 3)


def test_several_right_images_have_no_auc(tmp_path):
    for slug, seed in RANKS:
        write(tmp_path, slug, seed)
        run = tmp_path / "photographs" / slug / f"seed{seed}"
        frame = fake_runs.queries({"a.jpg": (1, 0.7, 1), "b.jpg": (2, 0.5, 2)}, PROTOCOL)
        write_per_query(frame, run / "per_query.csv.gz")
    table = finetuned.build(Results(tmp_path, "photographs"))
    assert set(table["metric"]) == {"mAP", "top1"}


def test_runs_in_another_gallery_are_not_compared(results, tmp_path):
    """A run of another profile, say: the same queries, fewer other images."""
    run = tmp_path / "photographs" / "rnn-ha" / "seed0" / "per_query.csv.gz"
    frame = pd.read_csv(run)
    write_per_query(frame.assign(n_gallery=frame["n_gallery"] - 1), run)
    with pytest.raises(ResultsError, match="in another gallery"):
        finetuned.build(results)


def test_the_page_says_what_was_done_and_how_small_it_is(results, tmp_path):
    csv, page = finetuned.write(results, tmp_path / "tables")
    text = page.read_text()
    lines = [line.split(" | ")[0].strip("| ") for line in text.splitlines() if line[:2] == "| "]
    assert lines[-5:] == [
        "RNN-HA, as given",
        "RNN-HA, fine-tuned",
        "RNN-HA, from scratch",
        "RNN-HA, fine-tuned minus RNN-HA, as given",
        "RNN-HA, fine-tuned minus RNN-HA, from scratch",
    ]
    for fact in (
        "600 vehicles of Rendered-VeRi (rendered, synthetic) and no photograph (sha256 abababab",
        "184 photographs of 92 other vehicles",
        "each of 3 test vehicles is one query",
        "all 10 test images",
        "peak rate 0.05, 3 epochs of batches of 32",
        "RNN-HA, fine-tuned: seeds 0, 1, commit c-rnn-ha-finetuned",
        "The test part is small",
        "(fewer than 3 seeds: no conclusion",
    ):
        assert fact in text, fact
    assert csv.read_text().startswith("dataset,quantity,method,minus,metric,protocol,ours")


def test_nothing_is_written_without_such_runs_and_no_two_checkpoints_are_mixed(tmp_path):
    for kind in ("csv", "md"):
        (tmp_path / f"photographs-finetune.{kind}").write_text("of other runs")
    assert finetuned.write(Results(tmp_path, "photographs"), tmp_path) == []
    assert not list(tmp_path.iterdir())
    write(tmp_path, "rnn-ha-given", 0, START | {"sha256": "cd" * 32})
    write(tmp_path, "rnn-ha-finetuned", 0)
    with pytest.raises(ResultsError, match="several checkpoints .sha256 abab.*, cdcd"):
        finetuned.build(Results(tmp_path, "photographs"))

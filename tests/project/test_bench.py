"""The benchmarks' folders are what the readers take for the real sets; both ways agree."""

import os
import subprocess
import sys

import pytest
import torch
from torch.testing import assert_close

from rnnha import profiles
from rnnha.data import vehicleid, veri
from rnnha.data.check import check
from rnnha.data.sets import load
from rnnha.experiments import row
from rnnha.images.batches import MEAN, STD, normalise
from rnnha.methods.network import build
from rnnha.paths import ROOT

sys.path.insert(0, str(ROOT / "bench"))
import authors_way  # noqa: E402
import folders  # noqa: E402
import full_size  # noqa: E402
import full_size_scoring  # noqa: E402
import machine  # noqa: E402
import peers  # noqa: E402

import training as benchmark_training  # noqa: E402

SMALL_VERI = folders.Veri(200, 10, 60, 5, 20, 24)
SMALL_VEHICLEID = folders.VehicleID((90, 20), (30, 8), (85, 10), 6, ((4, 34), (10, 85)))


def test_the_builder_knows_the_published_counts():
    size = folders.VERI
    assert veri.counts(ROOT) == {
        "train": (size.train_images, size.train_vehicles),
        "query": (size.pairs, size.test_vehicles),
        "gallery": (size.gallery_images, size.test_vehicles),
    }
    assert sum(count for _, count in size.absent) == 32  # images that the real XML lacks
    lists = dict(folders.VEHICLEID.lists)
    assert tuple(lists) == vehicleid.LIST_SIZES
    # One gallery image a vehicle leaves the published numbers of queries.
    assert [lists[n] - n for n in (800, 1600, 2400, 13164)] == [5_693, 11_777, 17_377, 95_057]
    images, vehicles = zip(folders.VEHICLEID.labelled, folders.VEHICLEID.unlabelled, strict=True)
    assert (sum(images), sum(vehicles)) == (113_346, 13_164)


def test_a_small_veri_loads_with_its_faults_mended(tmp_path, monkeypatch):
    counts = {"train": (200, 10), "query": (20, 5), "gallery": (60, 5)}
    monkeypatch.setattr(veri, "counts", lambda root: counts)
    folder = folders.veri(tmp_path / "VeRi", SMALL_VERI)
    benchmark = load("veri", folder)  # compares counts, both index files, tracks and labels
    assert {p.name for p in folder.glob("*_index.txt")} == {"gt_index.txt", "jk_index.txt"}
    assert benchmark.gallery["track_id"].nunique() == 24
    assert benchmark.gallery["track_id"].notna().all()
    assert benchmark.train["coarse_id"].notna().all()
    assert "32 images absent from the label XML" in "\n".join(benchmark.notes)
    matches = benchmark.query.merge(benchmark.gallery, on="vehicle_id")
    good = matches[matches["camera_id_x"] != matches["camera_id_y"]]
    assert good["path_x"].nunique() == len(benchmark.query)
    assert check(folder).ok


def test_a_small_vehicleid_loads_and_is_scored(tmp_path, monkeypatch, capsys):
    counts = {"train": (120, 28), "test": (85, 10)}
    monkeypatch.setattr(vehicleid, "counts", lambda root: counts)
    folder = folders.vehicleid(tmp_path / "VehicleID", SMALL_VEHICLEID)
    benchmark = load("vehicleid", folder)
    assert {size: len(names) for size, names in benchmark.test_lists.items()} == {4: 34, 10: 85}
    labelled = benchmark.train[benchmark.train["coarse_id"].notna()]
    assert (len(labelled), labelled["vehicle_id"].nunique()) == (90, 20)
    assert labelled["coarse_id"].nunique() == 6
    assert (labelled.groupby("vehicle_id")["coarse_id"].nunique() == 1).all()
    monkeypatch.setattr(sys, "argv", ["", str(folder), "10", "--draws", "1"])
    full_size_scoring.main()
    told = capsys.readouterr().out
    assert '"queries": 75, "gallery": 10' in told


def test_images_are_linked_until_a_file_has_no_more_links(tmp_path, monkeypatch):
    pictures = folders.Pictures()
    names = [f"{number}.jpg" for number in range(3 * pictures.KINDS)]
    pictures.write(tmp_path / "linked", names)
    assert len({(tmp_path / "linked" / name).stat().st_ino for name in names}) == pictures.KINDS

    def refuse(*_):
        raise OSError("too many links")

    monkeypatch.setattr("os.link", refuse)
    pictures.write(tmp_path / "copied", names)
    for name in names:
        linked, copied = tmp_path / "linked" / name, tmp_path / "copied" / name
        assert copied.stat().st_ino != linked.stat().st_ino
        assert copied.read_bytes() == linked.read_bytes()


def test_a_process_is_measured_and_its_failure_ends_the_benchmark():
    # From a small process: a child's peak is not told apart from that of the one it came from.
    code = (
        "import full_size\n"
        "run = full_size.measure(['-c', 'print(bytearray(200_000_000).count(1))'], threads=1)\n"
        "print(run['output'].strip(), 190 < run['peak_mb'] < 300)"
    )
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'bench'}"}
    told = subprocess.check_output([sys.executable, "-c", code], text=True, env=environment)
    assert told == "0 True\n"
    with pytest.raises(SystemExit, match="ended with 3"):
        full_size.measure(["-c", "raise SystemExit(3)"], threads=1)


def theirs_with_weights_of(ours, scale, stage0: bool):
    if stage0:
        theirs = authors_way.Stage0(authors_way.vgg_m(), 512, 7)
    else:
        theirs = authors_way.Stage1(authors_way.vgg_m(), 512, scale.state_width, 3, 7, doubled=True)
    state = {}
    for name, value in ours.state_dict().items():
        name = name.replace("backbone.backbone.layers.", "backbone.").replace("attention.", "")
        name = name.replace("steps.gru.", "gru.")
        state[f"{name}_l0" if name.startswith("gru.") else name] = value
    theirs.load_state_dict(state)
    return theirs


@pytest.mark.parametrize("slug", ["stage0-released", "rnn-ha-released"])
def test_both_ways_compute_the_same_function(slug):
    torch.manual_seed(0)
    scale = profiles.profile("paper").scale(row(slug))
    ours = build(row(slug), scale, 3, 7).to(memory_format=torch.channels_last)
    theirs = theirs_with_weights_of(ours, scale, slug.startswith("stage0"))
    pixels = torch.randint(256, (2, 3, 96, 96), dtype=torch.uint8)  # a map of 2 x 2 cells
    output, expected = ours(normalise(pixels)), theirs(pixels.float() / 255)
    found = [logits for logits in (output.coarse, output.fine) if logits is not None]
    assert_close(found, list(expected), rtol=1e-4, atol=1e-5)
    sum(logits.square().sum() for logits in found).backward()
    sum(logits.square().sum() for logits in expected).backward()
    conv1 = ours.backbone.backbone.layers.conv1.weight.grad
    assert_close(theirs.backbone.conv1.weight.grad, conv1, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("slug", ["stage0-released", "rnn-ha-released"])
@pytest.mark.parametrize("way", ["authors_step", "our_step"])
def test_each_way_takes_a_step(way, slug, monkeypatch):
    monkeypatch.setattr(benchmark_training, "VEHICLES", 7)
    turn, precision = getattr(benchmark_training, way)(row(slug), 64, 2)
    assert turn() == 2 and precision in profiles.PRECISIONS


def test_both_ways_read_the_same_images(tmp_path):
    paths = benchmark_training.draw_pictures(tmp_path, 3)
    largest, share = benchmark_training.difference(paths, 64)
    assert largest <= 1
    assert share < 0.1
    theirs = next(
        iter(
            authors_way.loader(
                authors_way.Pictures(paths, 64, benchmark_training.Normalize(MEAN, STD)), 3
            )
        )
    )
    ours = normalise(benchmark_training.Images(paths, 64).stack(range(3)))
    assert_close(theirs, ours, rtol=0, atol=1.01 / 255 / min(STD))


def test_our_side_of_the_race_needs_what_its_environment_gets():
    """`bench/scoring.py` runs in `.venv-bench`, where little is installed."""
    got = {requirement.partition("==")[0] for requirement in peers.COMPILER + peers.IMPORTED}
    code = (
        "import importlib.abc, sys\n"
        f"got, own = {got!r}, {{'rnnha', 'machine'}}\n"
        "class Only(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        top = name.partition('.')[0]\n"
        "        if top not in got | own | sys.stdlib_module_names:\n"
        "            raise ModuleNotFoundError(f'{name} is not in .venv-bench')\n"
        "sys.meta_path.insert(0, Only())\n"
        "import machine, rnnha.scoring.ranking\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'bench'}"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_a_part_that_is_measured_anew_leaves_the_other_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "TABLES", tmp_path)
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    monkeypatch.setattr(machine, "processor", lambda: "A")
    columns, case = ["size", "mAP"], ("size",)
    machine.keep([{"size": s, "mAP": 1.0} for s in (96, 128)], columns, "t.csv", 1, case)
    machine.keep([{"size": 96, "mAP": 2.0}], columns, "t.csv", 1, case)
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert lines[1:] == ["128,1,A,1", "96,2,A,1"]


def test_memory_settings_are_those_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    for name, value in benchmark_training.MEMORY.items():
        assert f"{name}={value}" in makefile


def test_a_table_keeps_the_rows_of_other_processors_only(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "TABLES", tmp_path)
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    for processor, threads, seconds in (("A", 2, 1.0), ("B", 2, 2.0), ("A", 1, 3.0), ("A", 2, 4.0)):
        monkeypatch.setattr(machine, "processor", lambda name=processor: name)
        machine.keep([{"case": "c", "seconds": seconds}], ["case", "seconds"], "t.csv", threads)
    assert (tmp_path / "t.csv").read_text().splitlines() == [
        "case,seconds,processor,threads",
        "c,2,B,2",
        "c,3,A,1",
        "c,4,A,2",
    ]

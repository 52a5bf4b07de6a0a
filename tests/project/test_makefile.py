"""The Makefile with a stand-in for Python: what it runs, in which order, and what it leaves."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rnnha.paths import ROOT

# Does what `python -m rnnha ...` would leave on disk, keeps a log of the calls, and notes there
# what was started before the things that it needs. Left, for `status --make`, is what is not there.
STAND_IN = r'''
import json, os, subprocess, sys, time
from pathlib import Path

given = sys.argv[1:]
said = " ".join(given)
results = Path(os.environ["RNNHA_RESULTS"])
mark = results / "tables/of-runs"
own = str(results) == "results" and not Path("real").exists()  # to the real one it is not its own
index = (Path("build") if own else results) / "report/index.html"
page = (results / "notebooks/{}.ipynb").__str__().format


def log(line):
    with open("calls.log", "a") as file:
        file.write(line + "\n")


def write(path):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("something\n")


def place(run):
    dataset, row, seed = run
    return results / "runs" / dataset / row / f"seed{seed}"


def there(run):
    file = place(run) / "metrics.csv"
    return file.exists() and file.stat().st_size > 0


def asked(option):
    after = given[given.index(option) + 1 :] if option in given else []
    end = next((i for i, word in enumerate(after) if word.startswith("--")), len(after))
    return after[:end]


def targets():
    """{run: its stage 0, or None}, of targets.txt."""
    lines = [line.split() for line in Path("targets.txt").read_text().splitlines()]
    return {(d, r, s): None if r == "stage0" else (d, "stage0", s) for d, r, s in lines}


def fragment():
    starts, datasets = targets(), asked("--datasets")
    wanted = [run for run in starts if run[0] in datasets]
    if "--finished" in given:
        wanted = [run for run in wanted if there(run)]
    else:
        rows = asked("--rows")
        wanted = [run for run in wanted if run[2] in asked("--seeds")]
        wanted = [run for run in wanted if not rows or run[1] in (*rows, "stage0")]
    left = [
        run
        for run in wanted
        if "--force" in given or not there(run) or not (place(run) / "02_train.ipynb").exists()
    ]
    stale = bool(left) or not mark.exists()
    chapters = ["01_explore_data", "03_table_veri", "04_table_vehicleid", "05_attention_maps"]
    pages = [c for c in chapters if stale or not Path(page(c)).exists()]
    print("TRAIN +=", *map("/".join, left))
    print("TABLES +=", "yes" if stale else "")
    print("CHAPTERS +=", *pages)
    print("REPORT +=", "yes" if stale or pages or not index.exists() else "")
    for run in left:
        if starts[run] in left:
            print(f"run/{'/'.join(run)}: run/{'/'.join(starts[run])}")
    for chapter in chapters:
        print(f"FOR_{chapter} ?= -p dataset {datasets[0]}")


def train(out):
    if Path("failing").exists() and Path("failing").read_text() in str(out):
        sys.exit("no luck")
    run = out.parts[-4], out.parts[-3], out.parts[-2].removeprefix("seed")
    before = targets()[run]
    if before is None:
        time.sleep(0.1)  # so that what does not wait for it comes too early
    elif not there(before):
        log(f"EARLY {run}")
    if Path("together").exists():  # each run waits for the other one
        write(f"started/{'-'.join(run)}")
        end = time.monotonic() + 20
        while len(os.listdir("started")) < 2:
            if time.monotonic() > end:
                sys.exit("alone")
            time.sleep(0.01)
    if not there(run):
        write(out.with_name("metrics.csv"))


def real(*arguments):
    done = subprocess.run([sys.executable, *arguments])
    if done.returncode:
        sys.exit(done.returncode)


log(said)
command = " ".join(given[1:4]).removeprefix("rnnha ")
if command == "status --plan" and Path("lacking").exists():
    sys.exit("ask its owner")
elif command == "status --make" and Path("unplanned").exists():
    sys.exit("no such row")
elif command == "status --make":
    real(*given) if Path("real").exists() else fragment()
elif command == "tables --compare":
    print("compared with the reference")
elif command.startswith("tables"):
    of_runs = command == "tables --source"
    time.sleep(0.1)
    write(mark) if of_runs else mark.unlink(missing_ok=True)
    if Path("real").exists():
        real("-c", f"from rnnha.report.chapters import mark_tables; mark_tables({of_runs})")
elif command == "report":
    if not all(Path(page(name)).exists() for name in Path("pages.txt").read_text().split()):
        log("EARLY report")
    write(index)
elif command.startswith("notebook"):
    out = Path(given[4])
    if "runs" in out.parts:
        train(out)
    elif not mark.exists():
        log(f"EARLY {out}")
    pairs = {given[i + 1]: given[i + 2] for i, word in enumerate(given) if word == "-p"}
    told = {key: int(value) if value.isdigit() else value for key, value in pairs.items()}
    write(out)
    out.write_text(json.dumps({"metadata": {"papermill": {"parameters": told}}}))
'''
RUNS = [
    "rendered-veri stage0 0",
    "rendered-veri stage0 1",
    "rendered-veri rnn-h 0",
    "rendered-veri rnn-ha 0",
    "rendered-veri rnn-ha 1",
    "rendered-vehicleid stage0 0",
    "rendered-vehicleid rnn-ha 0",
]
CHAPTERS = ["01_explore_data", "03_table_veri", "04_table_vehicleid", "05_attention_maps"]
PROMISED = """setup data reproduce smoke tables notebooks status accept lab test lint bench
              faults report slides clean help""".split()


class Project:
    """A folder with the real Makefile, notebooks in name only, and the stand-in."""

    def __init__(self, folder: Path):
        self.folder = folder
        shutil.copy(ROOT / "Makefile", folder)
        shutil.copy(ROOT / "requirements.lock", folder)
        shutil.copytree(ROOT / "scripts", folder / "scripts")
        (folder / "notebooks").mkdir()
        for notebook in (ROOT / "notebooks").glob("*.ipynb"):
            (folder / "notebooks" / notebook.name).touch()
        # Without the user's own settings and packages it starts at once.
        (folder / "stand_in.py").write_text(STAND_IN)
        self.write_script("python", f'#!/bin/sh\nexec "{sys.executable}" -IS stand_in.py "$@"\n')
        (folder / "targets.txt").write_text("\n".join(RUNS))
        (folder / "pages.txt").write_text(" ".join(CHAPTERS))

    def write_script(self, name: str, text: str) -> None:
        script = self.folder / name
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(text)
        script.chmod(0o755)

    def make(self, *arguments: str, path: Path | None = None, check: bool = True, **more: str):
        """Run make; the calls that it made are in `self.calls` afterwards."""
        (self.folder / "calls.log").write_text("")
        environment = {"PATH": str(path) if path else "/usr/bin:/bin:/usr/local/bin", **more}
        done = subprocess.run(
            ["make", *arguments], cwd=self.folder, env=environment, text=True, capture_output=True
        )
        self.calls = (self.folder / "calls.log").read_text().splitlines()
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def reproduce(self, *arguments: str, **options):
        return self.make("PYTHON=./python", "reproduce", *arguments, **options)

    def calls_with(self, part: str) -> list[str]:
        return [call for call in self.calls if part in call]

    @property
    def trained(self) -> list[str]:
        """The runs of the last call, as lines of RUNS."""
        pattern = r"02_train\.ipynb .* -p dataset (\S+) -p experiment (\S+) -p seed (\d+) "
        found = [re.search(pattern, call) for call in self.calls]
        return [" ".join(match.groups()) for match in found if match]

    @property
    def shown(self) -> list[str]:
        """The chapters that the last call executed."""
        found = [re.search(r"notebook notebooks/(0[^2]\w+)\.ipynb", call) for call in self.calls]
        return sorted(match[1] for match in found if match)

    def metrics(self, run: str, results: str = "results") -> Path:
        dataset, row, seed = run.split()
        return self.folder / f"{results}/runs/{dataset}/{row}/seed{seed}/metrics.csv"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_help_has_a_line_for_every_promised_target(project: Project):
    listed = re.findall(r"^  make (\S+) +\S.{9,}$", project.make("help").stdout, re.M)
    assert set(PROMISED) <= set(listed)
    assert project.make().stdout == project.make("help").stdout


def test_nothing_in_it_is_newer_than_make_3_81():
    """3.82 and later brought these; macOS will not get them."""
    newer = (
        r"&:|\.ONESHELL|\.SHELLFLAGS|\.RECIPEPREFIX|\.EXTRA_PREREQS|\.NOTINTERMEDIATE|"
        r"\$\((?:file|let|intcmp|guile) |^\w+ *(?:!|::)=|^undefine|^define .*=|--output-sync|"
        r"--shuffle|\bprivate |\b(?:override|export) +(?:override|export)\b"
    )
    assert not re.findall(newer, (ROOT / "Makefile").read_text(), re.M)


# --- reproduce ---


@pytest.mark.parametrize("jobs", [1, 8])
def test_reproduce_makes_every_run_after_its_stage0_then_all_that_follows(project: Project, jobs):
    told = project.reproduce(f"JOBS={jobs}").stdout
    assert sorted(project.trained) == sorted(RUNS)
    assert not project.calls_with("EARLY")
    parts = (
        *("rnnha data", "status --plan", "status --make", "02_train", "tables --source runs"),
        *("notebooks/0[1345]", "rnnha report", "tables --compare"),
    )
    found = [[i for i, c in enumerate(project.calls) if re.search(p, c)] for p in parts]
    for before, after in zip(found, found[1:], strict=False):
        assert max(before) < min(after)
    assert [len(calls) for calls in found] == [1, 1, 1, len(RUNS), 1, len(CHAPTERS), 1, 1]
    for chapter in CHAPTERS:
        assert (project.folder / f"results/notebooks/{chapter}.ipynb").exists()
    assert "compared with the reference" in told and "Nothing to do" not in told
    assert "build/report/index.html, build/report.zip" in told


def test_runs_go_side_by_side(project: Project):
    (project.folder / "targets.txt").write_text("\n".join(RUNS[:2]))
    (project.folder / "together").touch()
    project.reproduce("JOBS=2")
    assert sorted(project.trained) == RUNS[:2]


def test_a_second_call_does_nothing_and_says_so(project: Project):
    project.reproduce()
    told = project.reproduce().stdout
    assert "Nothing to do" in told and "compared with the reference" in told
    assert not project.calls_with("notebook ") and not project.calls_with("report")
    assert not project.calls_with("tables --source")


def test_touched_sources_do_not_train_again(project: Project):
    project.reproduce()
    for file in ("notebooks/02_train.ipynb", "requirements.lock", "Makefile"):
        (project.folder / file).touch()
    project.reproduce()
    assert project.trained == []


def test_a_lost_run_alone_is_made_again_and_the_tables_follow(project: Project):
    project.reproduce()
    project.metrics(RUNS[3]).unlink()
    project.reproduce()
    assert project.trained == [RUNS[3]]
    assert project.calls_with("tables --source runs")
    assert project.shown == CHAPTERS and project.calls_with("rnnha report")


def test_a_stage0_that_is_new_does_not_make_finished_rows_old(project: Project):
    project.reproduce()
    project.metrics(RUNS[0]).unlink()
    project.reproduce()
    assert project.trained == [RUNS[0]]


def test_an_empty_metrics_csv_is_no_finished_run(project: Project):
    project.reproduce()
    project.metrics(RUNS[3]).write_text("")  # as a full disk leaves it
    project.reproduce()
    assert project.trained == [RUNS[3]]


def test_force_trains_all_again(project: Project):
    project.reproduce()
    project.reproduce("FORCE=1")
    assert sorted(project.trained) == sorted(RUNS)
    assert all("-p force True" in call for call in project.calls_with("02_train"))
    project.reproduce("SEEDS=7", "FORCE=")
    assert not project.calls_with("--force")


def test_a_failed_run_stops_the_rest_and_the_next_call_goes_on(project: Project):
    (project.folder / "failing").write_text("rnn-ha/seed1")
    done = project.reproduce("JOBS=1", check=False)
    assert done.returncode != 0
    assert "no luck" in done.stderr
    assert not project.calls_with("tables") and project.shown == []
    first = project.trained
    (project.folder / "failing").unlink()
    project.reproduce()
    assert sorted(first[:-1] + project.trained) == sorted(RUNS)
    assert project.calls_with("tables --compare")


def test_a_notebook_lost_between_metrics_and_its_rename_is_written_later(project: Project):
    project.reproduce()
    notebook = project.metrics(RUNS[3]).with_name("02_train.ipynb")
    notebook.unlink()
    project.reproduce()
    assert notebook.exists()
    assert project.metrics(RUNS[3]).exists()


def test_a_report_lost_after_the_last_chapter_is_made_later(project: Project):
    project.reproduce()
    (project.folder / "build/report/index.html").unlink()
    told = project.reproduce().stdout
    assert project.calls_with("rnnha report") and "Nothing to do" not in told
    assert project.trained == project.shown == []


def test_a_lost_chapter_alone_is_made_again(project: Project):
    project.reproduce()
    (project.folder / "results/notebooks/03_table_veri.ipynb").unlink()
    project.reproduce()
    assert project.shown == ["03_table_veri"] and project.calls_with("rnnha report")
    assert project.trained == [] and not project.calls_with("tables --source")


def test_the_choice_of_runs_and_the_profile_are_passed_on(project: Project):
    (project.folder / "targets.txt").write_text("veri stage0 0\nveri rnn-ha 0")
    options = "SEEDS=0 7", "DATASETS=veri", "ROWS=rnn-ha", "PROFILE=paper", "PRECISION=bfloat16"
    project.reproduce(*options, "JOBS=3")
    asked = "--datasets veri --seeds 0 7 --rows rnn-ha --profile paper"
    assert project.calls_with(f"status --make {asked}")
    assert project.calls_with(f"status --plan --jobs 3 --precision bfloat16 {asked}")
    assert project.trained == ["veri stage0 0", "veri rnn-ha 0"]
    given = "-p profile paper -p precision bfloat16"
    assert all(call.endswith(given) for call in project.calls_with("02_train"))
    chapter = "results/notebooks/01_explore_data.ipynb"
    assert project.calls_with(f"notebooks/01_explore_data.ipynb {chapter} -p dataset veri")


def test_the_papers_profile_is_for_the_real_sets(project: Project):
    project.reproduce("PROFILE=paper")
    asked = "--datasets veri vehicleid --seeds 0 1 2 --profile paper"
    assert project.calls_with(f"status --make {asked}")
    project.reproduce("PROFILE=paper", "DATASETS=rendered-veri")
    assert project.calls_with("status --make --datasets rendered-veri --")


@pytest.mark.parametrize(
    "file, message", [("lacking", "ask its owner"), ("unplanned", "no such row")]
)
def test_nothing_starts_where_the_plan_fails(project: Project, file: str, message: str):
    (project.folder / file).touch()
    done = project.reproduce("JOBS=2", check=False)
    assert done.returncode != 0 and done.stderr.count(message) == 1
    assert project.trained == [] and not project.calls_with("tables")


def test_what_the_environment_holds_is_not_taken_for_a_plan(project: Project):
    """TRAIN, REPORT and the like are names that somebody may use."""
    project.reproduce()
    (project.folder / "mine.mk").write_text("$(error read)")
    taken = {"TRAIN": "veri/x/0", "TABLES": "1", "CHAPTERS": "x", "REPORT": "1", "RUNS": "1"}
    assert "Nothing to do" in project.reproduce(PLAN="mine.mk", **taken).stdout


@pytest.mark.parametrize("given", ["environment", "command line"])
def test_results_may_lie_in_a_folder_with_a_space(project: Project, given: str, tmp_path: Path):
    folder = tmp_path / "all my" / "results of mine"
    name = "RNNHA_RESULTS"
    how = {name: str(folder)} if given == "environment" else {}
    arguments = [] if how else [f"{name}={folder}"]
    told = project.reproduce(*arguments, **how).stdout
    assert sorted(project.trained) == sorted(RUNS)
    assert project.metrics(RUNS[3], "all my/results of mine").exists()
    assert f"{folder}/report/index.html" in told
    assert (folder / "notebooks/03_table_veri.ipynb").exists()
    assert not (project.folder / "results").exists()
    assert [path.name for path in (tmp_path / "all my").iterdir()] == ["results of mine"]
    assert "Nothing to do" in project.reproduce(*arguments, **how).stdout


def test_an_empty_name_of_the_results_is_not_this_folder(project: Project):
    for arguments, environment in (([], {"RNNHA_RESULTS": ""}), (["RNNHA_RESULTS="], {})):
        project.reproduce(*arguments, **environment)
        assert project.metrics(RUNS[0]).exists()
        for folder in ("rnnha", "rendering", "study", "tests", "bench", "runs"):
            (project.folder / folder).mkdir(exist_ok=True)
        project.make("clean", "RUNS=1", *arguments, **environment)
        assert not project.metrics(RUNS[0]).exists()
        assert (project.folder / "notebooks/02_train.ipynb").exists()
        assert (project.folder / "runs").exists()


def test_the_real_plan_fits(project: Project):
    """`rnnha status --make` itself: make understands what it says, and it what make has left."""
    (project.folder / "real").touch()
    (project.folder / "targets.txt").write_text("rendered-veri stage0 0\nrendered-veri rnn-ha 0")
    pages = ["00_coarse_to_fine", "01_explore_data", "03_table_veri", "05_attention_maps"]
    (project.folder / "pages.txt").write_text(" ".join(pages))
    choice = "DATASETS=rendered-veri", "ROWS=rnn-ha", "SEEDS=0"
    project.reproduce(*choice, "JOBS=8")
    assert project.trained == ["rendered-veri stage0 0", "rendered-veri rnn-ha 0"]
    assert project.shown == pages and not project.calls_with("EARLY")
    assert "Nothing to do" in project.reproduce(*choice).stdout
    project.make("PYTHON=./python", "tables")  # brings those of the reference
    project.reproduce(*choice)
    assert project.calls_with("tables --source runs") and project.shown == pages
    assert project.trained == []


# --- parts of it ---


def test_notebooks_shows_the_finished_runs_and_trains_none(project: Project):
    project.reproduce()
    project.metrics(RUNS[0]).with_name("02_train.ipynb").unlink()
    project.metrics(RUNS[3]).unlink()
    (project.folder / "results/notebooks/05_attention_maps.ipynb").unlink()
    project.make("PYTHON=./python", "notebooks")
    assert project.calls_with("--finished --datasets rendered-veri rendered-vehicleid")
    assert "05_attention_maps" in project.shown
    assert project.trained == [] and not project.calls_with("tables")


def test_the_report_executes_what_is_left_and_is_written_each_time(project: Project):
    """From a fresh clone, without a run and without a mark of what the tables are of."""
    (project.folder / "real").touch()
    without = ["00_coarse_to_fine", "01_explore_data", "03_table_veri", "04_table_vehicleid"]
    (project.folder / "pages.txt").write_text(" ".join(without))
    for shown in (without, []):
        project.make("PYTHON=./python", "report", PYTHONPATH=str(ROOT))
        assert [page for page in project.shown if page in without] == shown
        calls = [call.removeprefix("-m ").partition(" --")[0] for call in project.calls]
        # The explorer, which is a part of it, comes before.
        assert calls.count("rnnha report") == calls.count("rnnha explorer") == 1
        assert calls.index("rnnha explorer") < calls.index("rnnha report")
        assert project.trained == [] and not project.calls_with("tables")
        assert (project.folder / "results/report/index.html").exists()


def test_slides_come_after_the_data(project: Project):
    project.make("PYTHON=./python", "slides")
    assert [call.removeprefix("-m ") for call in project.calls] == ["rnnha data", "rnnha slides"]


def test_clean_takes_the_report_and_keeps_what_it_is_made_of(project: Project):
    project.reproduce()
    for folder in ("rnnha", "rendering", "study", "tests", "bench"):
        (project.folder / folder).mkdir()
    told = project.make("clean").stdout
    assert not (project.folder / "build/report").exists() and "make report" in told
    assert (project.folder / "results/notebooks/03_table_veri.ipynb").exists()
    project.make("PYTHON=./python", "report")
    assert project.shown == [] and (project.folder / "build/report/index.html").exists()


def test_smoke_stays_in_its_folder_and_starts_anew(project: Project):
    project.make("PYTHON=./python", "smoke", "FORCE=1")
    first = project.trained
    assert sorted(first) == sorted(run for run in RUNS if run.endswith("0"))
    for call in project.calls_with("02_train"):
        assert "-p profile smoke" in call and "force" not in call
    assert project.shown == ["03_table_veri", "05_attention_maps"]
    assert not (project.folder / "results").exists()
    for file in ("runs/rendered-veri/rnn-ha/seed0/metrics.csv", "report/index.html"):
        assert (project.folder / "build/smoke" / file).exists()
    project.make("PYTHON=./python", "smoke")
    assert sorted(project.trained) == sorted(first)


@pytest.mark.parametrize("given", ["environment", "command line"])
@pytest.mark.parametrize("name", ["SMOKE", "RNNHA_RESULTS", "BUILD", "RESULTS"])
def test_smoke_removes_nothing_else_whatever_is_set(project: Project, name: str, given: str):
    run = project.folder / "mine/runs/rendered-veri/rnn-ha/seed0"
    run.mkdir(parents=True)
    kept = {run / "metrics.csv", run / "02_train.ipynb"}
    for file in kept:
        file.write_text("finished")
    how = {name: "mine"} if given == "environment" else {}
    project.make("PYTHON=./python", "smoke", *([] if how else [f"{name}=mine"]), **how)
    assert {p for p in (project.folder / "mine").rglob("*") if p.is_file()} == kept
    assert all(file.read_text() == "finished" for file in kept)
    assert project.metrics(RUNS[3], "build/smoke").exists()


def test_one_job_a_gpu_where_there_are_gpus(project: Project, bare: Path):
    project.write_script(
        "path/nvidia-smi",
        "#!/bin/sh\n" + "".join(f"echo 'GPU {k}: NVIDIA (UUID: GPU-{k}0)'\n" for k in range(3)),
    )
    (bare / "getconf").unlink()
    project.write_script("path/getconf", "#!/bin/sh\necho 7\n")

    def jobs(**environment: str) -> str:
        return re.search(r"JOBS=(\d+)", project.make("help", path=bare, **environment).stdout)[1]

    assert jobs() == "3"
    assert jobs(CUDA_VISIBLE_DEVICES="1,2") == "2"
    for hidden in ("", "-1"):  # CUDA's ways to hide them all
        assert jobs(CUDA_VISIBLE_DEVICES=hidden) == "7"
    assert jobs(JOBS="5") == "5"
    project.write_script("path/nvidia-smi", "#!/bin/sh\necho 'NVIDIA-SMI has failed'; exit 9\n")
    assert jobs() == "7"


@pytest.mark.parametrize("user, allowed", [(0, True), (1000, False)])
def test_lab_opens_for_root_too_and_takes_flags(project: Project, bare: Path, user, allowed):
    project.write_script("path/id", f"#!/bin/sh\necho {user}\n")
    project.make("PYTHON=./python", "lab", "FLAGS=--no-browser --port 8890", path=bare)
    root = "--allow-root " if allowed else ""
    assert project.calls[-1] == f"-m jupyterlab {root}--no-browser --port 8890 notebooks"


def test_clean_leaves_data_and_runs_unless_told(project: Project):
    project.reproduce()
    data = project.folder / "data/VeRi/image_train/0001_c001_00016450_0.jpg"
    data.parent.mkdir(parents=True)
    data.touch()
    for folder in ("rnnha", "rendering", "study", "tests", "bench"):
        (project.folder / folder / "__pycache__").mkdir(parents=True)
    told = project.make("clean").stdout
    assert data.exists() and project.metrics(RUNS[0]).exists()
    assert "kept" in told
    assert not (project.folder / "build").exists()
    assert not (project.folder / "rnnha/__pycache__").exists()
    # Hours of work: pictures, and the trainings of an unfinished study.
    picture = project.folder / "build/render/rendered-veri/0001.jpg"
    trained = project.folder / "build/study/runs/study-base/rnn-h/seed0/metrics.csv"
    for file in (picture, trained):
        file.parent.mkdir(parents=True)
        file.touch()
    (project.folder / "build/smoke").mkdir()
    project.make("clean")
    assert picture.exists() and trained.exists() and not (project.folder / "build/smoke").exists()
    project.reproduce(RNNHA_RESULTS="build/mine")
    (project.folder / "build/smoke/runs").mkdir(parents=True)
    project.make("clean")
    assert project.metrics(RUNS[0], "build/mine").exists()
    assert not (project.folder / "build/smoke").exists()
    (project.folder / "build/smoke").mkdir()
    project.make("clean", "RUNS=1")
    assert not trained.exists()
    assert picture.exists() and not (project.folder / "build/smoke").exists()
    assert data.exists() and not project.metrics(RUNS[0]).exists()
    project.make("clean", "RUNS=1", "RNNHA_RESULTS=nowhere")  # nothing there is nothing to remove


def test_clean_removes_the_runs_where_they_are(project: Project):
    elsewhere = {"RNNHA_RESULTS": str(project.folder / "my results")}
    project.reproduce()
    project.reproduce(**elsewhere)
    for name in ("my", "results of others", "rnnha", "rendering", "study", "tests", "bench"):
        (project.folder / name).mkdir()
    (project.folder / "my results/paper.txt").touch()
    project.make("clean", "RUNS=1", **elsewhere)
    left = {path.name for path in (project.folder / "my results").iterdir()}
    assert left == {"tables", "paper.txt"}
    assert (project.folder / "my").exists() and (project.folder / "results of others").exists()
    assert project.metrics(RUNS[0]).exists()


def test_clean_and_reproduce_in_one_call_start_anew(project: Project):
    project.reproduce()
    for folder in ("rnnha", "rendering", "study", "tests", "bench"):
        (project.folder / folder).mkdir()
    project.make("PYTHON=./python", "clean", "reproduce", "RUNS=1")
    assert sorted(project.trained) == sorted(RUNS)


# --- the environment ---

TOOLS = """make sh sed cat cksum chmod cp dirname echo expand getconf grep id mkdir printf rm touch
           tr""".split()
# Answers the questions of find-python.sh like a Python of VERSION, with or without ensurepip.
CANDIDATE = r"""#!/bin/sh
case "$*" in
  *version_info*) echo VERSION ;;
  *ensurepip*) exit WITHOUT ;;
  "-m venv"*) mkdir -p .venv/bin; cp venv-python .venv/bin/python; chmod +x .venv/bin/python ;;
esac
"""


@pytest.fixture
def bare(project: Project) -> Path:
    """A PATH with the usual tools and no Python."""
    path = project.folder / "path"
    path.mkdir()
    for tool in TOOLS:
        if found := shutil.which(tool):
            (path / tool).symlink_to(found)
    (path / "id").unlink()
    project.write_script("path/id", "#!/bin/sh\necho 1000\n")
    project.write_script("venv-python", '#!/bin/sh\necho "$*" >> calls.log\n')
    return path


def candidate(project: Project, name: str, version: str, without_venv: bool = False) -> None:
    text = CANDIDATE.replace("VERSION", version).replace("WITHOUT", str(int(without_venv)))
    project.write_script(f"path/{name}", text)


def test_setup_without_python_says_where_to_get_one(project: Project, bare: Path):
    told = project.make("setup", path=bare, check=False)
    assert told.returncode != 0
    assert "Python 3.11, 3.12 or 3.13" in told.stderr and "apt install" in told.stderr


def test_setup_with_an_old_python_names_it(project: Project, bare: Path):
    candidate(project, "python3", "3.9")
    told = project.make("setup", path=bare, check=False)
    assert told.returncode != 0
    assert "python3 is 3.9" in told.stderr
    assert not (project.folder / ".venv").exists()


def test_setup_without_debians_venv_names_the_package(project: Project, bare: Path):
    candidate(project, "python3", "3.12", without_venv=True)
    told = project.make("setup", path=bare, check=False)
    assert told.returncode != 0
    assert "apt install python3.12-venv" in told.stderr
    assert not (project.folder / ".venv").exists()


def test_setup_takes_a_whole_python_rather_than_a_newer_one_without_venv(
    project: Project, bare: Path
):
    candidate(project, "python3.13", "3.13", without_venv=True)
    candidate(project, "python3.11", "3.11")
    assert "with python3.11" in project.make("setup", path=bare).stdout


def test_setup_takes_a_supported_python_rather_than_the_usual_one(project: Project, bare: Path):
    candidate(project, "python3", "3.14")
    candidate(project, "python3.12", "3.12")
    assert "with python3.12" in project.make("setup", path=bare).stdout


def test_setup_installs_the_lock_once_for_each_content(project: Project, bare: Path):
    candidate(project, "python3", "3.13")
    (project.folder / "scripts/find-python.sh").chmod(0o644)  # as from a zip file
    project.make("setup", path=bare)
    installs = project.calls_with("pip install")
    assert "-r .venv/requirements.txt" in installs[0]
    assert "--no-deps" in installs[1] and installs[1].endswith("-e .")
    lock = (project.folder / "requirements.lock").read_text()
    assert (project.folder / ".venv/requirements.txt").read_text() == lock

    (project.folder / "requirements.lock").touch()
    project.make("setup", path=bare)
    assert not project.calls_with("install")

    (project.folder / "requirements.lock").write_text(lock + "attrs==1\n")
    project.make("setup", path=bare)
    assert project.calls_with("install")


def test_a_cpu_build_of_torch_leaves_out_the_cuda_packages(project: Project, bare: Path):
    candidate(project, "python3", "3.13")
    project.make("setup", "TORCH_INDEX=https://example.org/cpu", path=bare)
    assert project.calls_with("--extra-index-url https://example.org/cpu")
    wanted = (project.folder / ".venv/requirements.txt").read_text()
    assert "torch==" in wanted and not re.search("^(nvidia|cuda|triton)", wanted, re.M)


def test_every_target_takes_the_given_python_and_sets_up_none(project: Project, bare: Path):
    shutil.copy(project.folder / "python", bare)
    for (
        target
    ) in "setup data status tables reproduce smoke notebooks report accept lab test lint".split():
        project.make("PYTHON=python", target, path=bare)
        assert bool(project.calls) == (target != "setup"), target
        assert not project.calls_with("pip") and not project.calls_with("venv")
    assert not (project.folder / ".venv").exists()
    (project.folder / "venv-python").unlink()
    assert project.make("status", path=bare, check=False).returncode != 0  # it would set up one

"""The Makefile with a stand-in for Python: what it runs, in which order, and what it leaves."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from rnnha.paths import ROOT

# Does what `python -m rnnha ...` would leave on disk, and keeps a log of the calls.
STAND_IN = r"""#!/bin/sh
echo "$*" >> calls.log
case "$*" in
  "-m rnnha status --targets"*)
    while read line; do
      case " $* " in *" ${line%% *} "*) echo "$line" ;; esac
    done < targets.txt ;;
  "-m rnnha status --plan"*) [ ! -e lacking ] || { echo "ask its owner" >&2; exit 1; } ;;
  "-m rnnha tables --compare") echo "compared with the reference" ;;
  "-m rnnha report") mkdir -p "$RNNHA_RESULTS/report"; echo > "$RNNHA_RESULTS/report/index.html" ;;
  "-m rnnha notebook"*)
    out=$5; folder=`dirname "$out"`
    case "$out" in
      */runs/*)
        [ -e "failing" ] && case "$out" in *`cat failing`*) echo "no luck" >&2; exit 1 ;; esac
        stage0=`echo "$folder" | sed 's|/[^/]*/\(seed[0-9]*\)$|/stage0/\1|'`
        [ "$folder" = "$stage0" ] || [ -e "$stage0/metrics.csv" ] || echo EARLY >> calls.log
        mkdir -p "$folder"; [ -e "$folder/metrics.csv" ] || echo > "$folder/metrics.csv" ;;
    esac
    mkdir -p "$folder"; echo > "$out" ;;
esac
"""
RUNS = [
    "rendered-veri stage0 0",
    "rendered-veri stage0 1",
    "rendered-veri rnn-h 0",
    "rendered-veri rnn-ha 0",
    "rendered-veri rnn-ha 1",
    "rendered-vehicleid stage0 0",
    "rendered-vehicleid rnn-ha 0",
]
PROMISED = """setup data reproduce smoke tables notebooks status accept lab test lint bench report
              clean help""".split()


class Project:
    """A folder with the real Makefile, notebooks in name only, and the stand-in."""

    def __init__(self, folder: Path):
        self.folder = folder
        shutil.copy(ROOT / "Makefile", folder)
        shutil.copy(ROOT / "requirements.lock", folder)
        (folder / "notebooks").mkdir()
        for notebook in (ROOT / "notebooks").glob("*.ipynb"):
            (folder / "notebooks" / notebook.name).touch()
        for chapter in ("00_coarse_to_fine", "01_explore_data", "05_attention_maps"):
            (folder / "notebooks" / f"{chapter}.ipynb").touch()
        self.write_script("python", STAND_IN)
        lines = [f"{run} {'-' if 'stage0' in run else 'stage0'}\n" for run in RUNS]
        (folder / "targets.txt").write_text("".join(lines))

    def write_script(self, name: str, text: str) -> None:
        script = self.folder / name
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(text)
        script.chmod(0o755)

    def make(self, *arguments: str, path: Path | None = None, check: bool = True):
        """Run make; the calls that it made are in `self.calls` afterwards."""
        (self.folder / "calls.log").write_text("")
        environment = {"PATH": str(path) if path else "/usr/bin:/bin:/usr/local/bin"}
        done = subprocess.run(
            ["make", *arguments], cwd=self.folder, env=environment, text=True, capture_output=True
        )
        self.calls = (self.folder / "calls.log").read_text().splitlines()
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def reproduce(self, *arguments: str, **options):
        return self.make("PYTHON=./python", "reproduce", *arguments, **options)

    @property
    def trained(self) -> list[str]:
        """The runs of the last call, as lines of RUNS."""
        pattern = r"02_train\.ipynb .* -p dataset (\S+) -p experiment (\S+) -p seed (\d+) "
        found = [re.search(pattern, call) for call in self.calls]
        return [" ".join(match.groups()) for match in found if match]

    def metrics(self, run: str) -> Path:
        dataset, row, seed = run.split()
        return self.folder / f"results/runs/{dataset}/{row}/seed{seed}/metrics.csv"


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
        r"\$\((?:file|let|intcmp|guile) |^\w+ *(?:!|::)=|^undefine|--output-sync|--shuffle"
    )
    assert not re.findall(newer, (ROOT / "Makefile").read_text(), re.M)


def test_reproduce_makes_every_run_after_its_stage0_then_all_that_follows(project: Project):
    told = project.reproduce("JOBS=4").stdout
    assert sorted(project.trained) == sorted(RUNS)
    assert "EARLY" not in project.calls
    order = [
        next(i for i, call in enumerate(project.calls) if part in call)
        for part in (
            "rnnha data",
            "status --plan",
            "02_train",
            "tables --source runs",
            "03_table_veri",
            "rnnha report",
            "tables --compare",
        )
    ]
    assert order == sorted(order)
    for chapter in ("00", "01", "03", "04", "05"):
        assert list((project.folder / "results/notebooks").glob(f"{chapter}_*.ipynb"))
    assert "compared with the reference" in told
    assert "results/report/index.html" in told


def test_real_sets_have_their_tables_and_no_lesson_that_needs_model_and_paint(project: Project):
    (project.folder / "targets.txt").write_text("veri stage0 0 -\nveri rnn-ha 0 stage0\n")
    project.reproduce("PROFILE=paper", "DATASETS=veri")
    pages = {p.name[:2] for p in (project.folder / "results/notebooks").glob("*.ipynb")}
    assert pages == {"01", "03", "05"}


def test_a_second_call_does_nothing_and_says_so(project: Project):
    project.reproduce()
    told = project.reproduce().stdout
    assert "Nothing to do" in told
    assert not [call for call in project.calls if "notebook" in call or "--plan" in call]


def test_touched_sources_do_not_train_again(project: Project):
    project.reproduce()
    (project.folder / "notebooks/02_train.ipynb").touch()
    (project.folder / "requirements.lock").touch()
    project.reproduce()
    assert project.trained == []


def test_a_lost_run_alone_is_made_again_and_the_tables_follow(project: Project):
    project.reproduce()
    project.metrics(RUNS[3]).unlink()
    project.reproduce()
    assert project.trained == [RUNS[3]]
    assert [call for call in project.calls if "tables --source runs" in call]


def test_a_stage0_that_is_new_does_not_make_finished_rows_old(project: Project):
    project.reproduce()
    project.metrics(RUNS[0]).unlink()
    project.reproduce()
    assert project.trained == [RUNS[0]]


def test_force_trains_all_again(project: Project):
    project.reproduce()
    project.reproduce("FORCE=1")
    assert sorted(project.trained) == sorted(RUNS)
    assert all("-p force True" in call for call in project.calls if "02_train" in call)


def test_a_failed_run_stops_the_rest_and_the_next_call_goes_on(project: Project):
    (project.folder / "failing").write_text("rnn-ha/seed1")
    done = project.reproduce("JOBS=1", check=False)
    assert done.returncode != 0
    assert "no luck" in done.stderr
    assert not [call for call in project.calls if "tables" in call]
    first = project.trained
    (project.folder / "failing").unlink()
    project.reproduce()
    assert sorted(first[:-1] + project.trained) == sorted(RUNS)


def test_a_notebook_lost_between_metrics_and_its_rename_is_written_later(project: Project):
    project.reproduce()
    notebook = project.metrics(RUNS[3]).with_name("02_train.ipynb")
    notebook.unlink()
    project.reproduce()
    assert notebook.exists()
    assert project.metrics(RUNS[3]).exists()


def test_the_choice_of_runs_and_the_profile_are_passed_on(project: Project):
    project.reproduce("SEEDS=0 7", "DATASETS=veri", "ROWS=rnn-ha", "PROFILE=paper")
    asked = next(call for call in project.calls if "--targets" in call)
    assert "--datasets veri --seeds 0 7 --rows rnn-ha --profile paper" in asked
    assert all("-p profile paper" in call for call in project.calls if "02_train" in call)
    assert any("01_explore_data" in call and "-p dataset veri" in call for call in project.calls)


def test_the_papers_profile_is_for_the_real_sets(project: Project):
    project.reproduce("PROFILE=paper")
    asked = next(call for call in project.calls if "--targets" in call)
    assert "--datasets veri vehicleid --seeds 0 1 2 --profile paper" in asked
    project.reproduce("PROFILE=paper", "DATASETS=rendered-veri")
    assert any("--targets --datasets rendered-veri --" in call for call in project.calls)


def test_nothing_starts_where_the_plan_says_that_data_are_lacking(project: Project):
    (project.folder / "lacking").touch()
    done = project.reproduce("JOBS=2", check=False)
    assert done.returncode != 0 and done.stderr.count("ask its owner") == 1
    assert project.trained == [] and not any("tables" in call for call in project.calls)


def test_smoke_stays_in_its_folder_and_starts_anew(project: Project):
    project.make("PYTHON=./python", "smoke")
    first = project.trained
    assert "rendered-veri rnn-ha 0" in first and "rendered-vehicleid rnn-ha 0" in first
    assert all("-p profile smoke" in call for call in project.calls if "02_train" in call)
    assert not (project.folder / "results").exists()
    assert (project.folder / "build/smoke/report/index.html").exists()
    project.make("PYTHON=./python", "smoke")
    assert sorted(project.trained) == sorted(first)


def test_one_job_a_gpu_where_there_are_gpus(project: Project, bare: Path):
    project.write_script(
        "path/nvidia-smi",
        "#!/bin/sh\n" + "".join(f"echo 'GPU {k}: NVIDIA (UUID: GPU-{k}0)'\n" for k in range(3)),
    )
    assert "JOBS=3" in project.make("help", path=bare).stdout
    assert "JOBS=2" in project.make("help", "CUDA_VISIBLE_DEVICES=1,2", path=bare).stdout
    project.write_script("path/nvidia-smi", "#!/bin/sh\necho 'NVIDIA-SMI has failed'; exit 9\n")
    (bare / "getconf").unlink()
    project.write_script("path/getconf", "#!/bin/sh\necho 7\n")
    assert "JOBS=7" in project.make("help", path=bare).stdout


def test_clean_leaves_data_and_runs_unless_told(project: Project):
    project.reproduce()
    data = project.folder / "data/VeRi/image_train/0001_c001_00016450_0.jpg"
    data.parent.mkdir(parents=True)
    data.touch()
    for folder in ("rnnha", "tests", "benchmarks"):
        (project.folder / folder).mkdir()
    told = project.make("clean").stdout
    assert data.exists() and project.metrics(RUNS[0]).exists()
    assert "kept" in told
    assert not (project.folder / "build").exists()
    picture = project.folder / "build/render/rendered-veri/0001.jpg"  # hours of work
    picture.parent.mkdir(parents=True)
    picture.touch()
    (project.folder / "build/smoke").mkdir()
    project.make("clean", "RUNS=1")
    assert picture.exists() and not (project.folder / "build/smoke").exists()
    assert data.exists() and not project.metrics(RUNS[0]).exists()


# --- the environment ---

TOOLS = """make sh sed awk cat cksum chmod cp dirname echo getconf grep mkdir printf rm touch
           tr""".split()
# Answers the questions of the Makefile like a Python of VERSION, with or without ensurepip.
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
    assert "python3 is 3.9" in told.stderr


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
    assert "python3.11" in project.make("setup", path=bare).stdout


def test_setup_installs_the_lock_once_for_each_content(project: Project, bare: Path):
    candidate(project, "python3", "3.13")
    project.make("setup", path=bare)
    installs = [call for call in project.calls if "pip install" in call]
    assert "-r .venv/requirements.txt" in installs[0]
    assert "--no-deps" in installs[1] and installs[1].endswith("-e .")
    lock = (project.folder / "requirements.lock").read_text()
    assert (project.folder / ".venv/requirements.txt").read_text() == lock

    (project.folder / "requirements.lock").touch()
    project.make("setup", path=bare)
    assert not [call for call in project.calls if "install" in call]

    (project.folder / "requirements.lock").write_text(lock + "attrs==1\n")
    project.make("setup", path=bare)
    assert [call for call in project.calls if "install" in call]


def test_a_cpu_build_of_torch_leaves_out_the_cuda_packages(project: Project, bare: Path):
    candidate(project, "python3", "3.13")
    project.make("setup", "TORCH_INDEX=https://example.org/cpu", path=bare)
    assert any("--extra-index-url https://example.org/cpu" in call for call in project.calls)
    wanted = (project.folder / ".venv/requirements.txt").read_text()
    assert "torch==" in wanted and not re.search("^(nvidia|cuda|triton)", wanted, re.M)


def test_every_target_takes_the_given_python_and_sets_up_none(project: Project):
    project.make("PYTHON=./python", "status")
    assert project.calls == [c for c in project.calls if c.startswith("-m rnnha status")] != []
    assert not (project.folder / ".venv").exists()

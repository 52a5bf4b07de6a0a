"""What must hold before a run is begun, or taken for finished."""

import json
from typing import TYPE_CHECKING

from rnnha.data.matches import Matches, expect_matches
from rnnha.files import DataError

if TYPE_CHECKING:
    from rnnha.runs.run import Run


def expect_same(wanted: "Run") -> None:
    """Raise ValueError where a finished run was made with other settings or of other data."""
    # as JSON gives it back, where a tuple is a list
    found, config = wanted.folder.config(), json.loads(json.dumps(wanted.config()))
    # by the profile, and by what was at hand
    decided_before = ["stage0", "takes", "pretrained"]
    if wanted.checkpoint is None:  # nobody asked for one
        decided_before.append("checkpoint")
    other = [k for k in config if k not in decided_before and found.get(k) != config[k]]
    if found["key_parts"]["data"] != wanted.benchmark.key:
        other.append("data")
    lists = {str(size) for size in wanted.benchmark.test_lists}
    if lists - set(wanted.folder.metrics()["test_size"]):
        other.append("test lists")
    if "precision" not in other and found.get("precision", "float32") != wanted.precision:
        other.append("precision")
    if other:
        raise ValueError(
            f"{wanted.folder.path} holds a finished run of another {', '.join(other)}; `rnnha run "
            f"{wanted.row.slug} --force` with these settings trains again in its place, "
            "RNNHA_RESULTS names another folder for results"
        )


def expect_trainable(wanted: "Run") -> Matches:
    """How the set can be scored; DataError, before anything is trained, where it cannot serve."""
    if wanted.start is not None:
        from rnnha.methods.finetuned import expect_fitting

        expect_fitting(wanted.start, wanted.row, wanted.scale, wanted.profile.name)
    _expect_whole_batches(wanted)
    benchmark, lacking = wanted.benchmark, []
    if benchmark.protocol != "vehicleid" and (benchmark.query.empty or benchmark.gallery.empty):
        lacking.append("images with split query and gallery, to be scored on")
    coarse = benchmark.train.coarse_id
    if wanted.method.learns and coarse.empty:
        lacking.append("images with split train")
    elif wanted.method.learns and _learns_from_few(wanted, known := int(coarse.notna().sum())):
        lacking.append(
            f"coarse labels: found them for {known:,} of {len(coarse):,} training images, and "
            "networks learn from labelled images alone (fill the column coarse_id or type for half "
            "of them at least; or empty it: identity-only then learns from all)"
        )
    if lacking:
        raise DataError(f"{benchmark.root}: {wanted.row.title} needs {'; and '.join(lacking)}")
    return expect_matches(benchmark)


def _expect_whole_batches(wanted: "Run") -> None:
    """A loss that compares the images of a batch with one another needs them in one process;
    raises ValueError where they would be divided, and DataError without two vehicles."""
    from rnnha.methods.network import with_coarse_label
    from rnnha.training import processes

    phases = wanted.method.phases(wanted.row, wanted.scale)
    if all(phase.per_vehicle == 1 for phase in phases):
        return
    if processes.world_size() > 1 or any(phase.accumulate > 1 for phase in phases):
        raise ValueError(
            f"{wanted.row.title} compares the images of a batch with one another, so its batches "
            "cannot be divided; run it in one process (without torchrun)"
        )
    found = with_coarse_label(wanted.benchmark.train)["vehicle_id"].nunique()
    if found < 2:
        raise DataError(
            f"{wanted.benchmark.root}: {wanted.row.title} compares vehicles; expected two or more "
            f"to train on, found {found}"
        )


def _learns_from_few(wanted: "Run", known: int) -> bool:
    """Whether so few coarse labels leave the row nothing, or less than half, to learn from."""
    if 2 * known >= len(wanted.benchmark.train):
        return False
    return (
        wanted.method.needs_coarse
        or known > 0
        and bool(wanted.method.phases(wanted.row, wanted.scale))
    )

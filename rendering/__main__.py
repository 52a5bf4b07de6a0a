"""`python -m rendering SET`: render a shipped set, or one image of it, anew."""

import argparse
import os
import sys
from pathlib import Path

from rendering.recipes import RECIPES
from rnnha import paths

AUDITED = "rendered-veri"  # the set that the criteria are about


def main(arguments: list[str] | None = None) -> int:
    """Run the command; an expected error is one clear line and exit code 1."""
    options = _parser().parse_args(arguments)
    try:
        _render(options)
    except KeyboardInterrupt:
        print("rendering: interrupted; the same command goes on where it was", file=sys.stderr)
        return 130
    except (ValueError, RuntimeError, OSError) as error:
        print(f"rendering: {error}", file=sys.stderr)
        return 1
    except KeyError as error:  # its text is the repr of the message
        print(f"rendering: {error.args[0]}", file=sys.stderr)
        return 1
    return 0


def _count(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, found {number}")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rendering",
        description="Render a set, or one image of it, anew (needs mitsuba).",
        epilog="Example:  python -m rendering rendered-veri --vehicle 12 --shot 3",
    )
    parser.add_argument("set", choices=RECIPES)
    parser.add_argument("--out", type=Path, help="folder to write into (build/render/SET)")
    parser.add_argument("--vehicle", type=int, help="only this vehicle")
    parser.add_argument("--shot", type=int, help="only this image of the vehicle, counted from 0")
    parser.add_argument("--limit", type=_count, help="about so many images, of whole vehicles")
    parser.add_argument("--workers", type=_count, help="processes side by side (one a core)")
    parser.add_argument("--audit", action="store_true", help="can it be solved without the cues?")
    parser.add_argument(
        "--criteria", action="store_true", help="what a set must be, and what the results say"
    )
    parser.add_argument("--seen", type=_count, metavar="N", help="are the cues of N shots visible?")
    parser.add_argument("--pairs", type=_count, metavar="N", help="a sheet of N look-alike pairs")
    return parser


def _render(options: argparse.Namespace) -> None:
    from rendering import audit, criteria, dataset

    workers = options.workers or os.cpu_count() or 1
    if (options.audit or options.criteria) and options.set != AUDITED:
        raise ValueError(f"{options.set} is not audited: docs/data.md's criteria are {AUDITED}'s")
    if options.audit:
        target = paths.RESULTS / "data_audit.csv"
        table = audit.audit(options.set, paths.DATA / options.set, target, workers=workers)
        print(table.to_string(index=False))
        print(criteria.criteria().to_string(index=False))
        return
    if options.criteria:
        print(criteria.criteria().to_string(index=False))
        return
    if options.seen is not None:
        from rendering.seen import seen, told

        print(told(seen(options.set, options.seen, workers=workers)))
        return
    if options.pairs is not None:
        from rendering.seen import sheet

        page = sheet(options.set, options.pairs, workers=workers)
        file = paths.ROOT / "build" / "render" / f"{options.set}-pairs.png"
        with paths.atomic(file) as temporary:
            page.save(temporary)
        print(file)
        return
    out = options.out or paths.ROOT / "build" / "render" / options.set
    vehicles = None if options.vehicle is None else [options.vehicle]
    folder = dataset.render(
        options.set,
        out,
        vehicles=vehicles,
        shot=options.shot,
        limit=options.limit,
        workers=workers,
    )
    shots = dataset.plan(options.set)
    asked = shots[(shots.vehicle_id == options.vehicle) & (shots["shot"] == options.shot)]
    images = [folder / dataset.image_path(options.set, shot) for shot in asked.itertuples()]
    print(*(images or [folder]))


if __name__ == "__main__":
    sys.exit(main())

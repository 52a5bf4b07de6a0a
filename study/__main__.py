"""`python -m study`: bring levels to their results, then write table and figure anew."""

import argparse
import os
import sys

from rnnha import paths
from study.conditions import LEVELS


def main(arguments: list[str] | None = None) -> int:
    """Run the command; an expected error is one clear line and exit code 1."""
    parser = argparse.ArgumentParser(
        prog="python -m study",
        description="When does attention help? The plan is docs/study.md (needs mitsuba).",
        epilog="Example:  python -m study --levels base size-low",
    )
    parser.add_argument(
        "--levels", nargs="+", choices=LEVELS, metavar="LEVEL", default=list(LEVELS)
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count(), help="side by side (one a core)"
    )
    parser.add_argument("--tables", action="store_true", help="only write table and figure anew")
    options = parser.parse_args(arguments)
    from study import page, run

    results = paths.ROOT / "results"
    try:
        if not options.tables:
            run.results_folder()
            run.study([LEVELS[name] for name in options.levels], options.jobs)
        written = page.write(results)
    except KeyboardInterrupt:
        print("study: interrupted; the same command goes on where it was", file=sys.stderr)
        return 130
    except (ValueError, RuntimeError, OSError) as error:
        print(f"study: {error}", file=sys.stderr)
        return 1
    print(*written or ["no level has results yet"], sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Print what does not read well: `.venv/bin/python -m tests.voice [FILE ...]`.

With `--commit FILE`, check the subject of the commit message in FILE.
"""

import sys
from pathlib import Path

from .check import check, check_subject, files_of, root_of


def main(arguments: list[str]) -> int:
    """Check the files, or the whole checkout; return 1 if something is wrong."""
    if arguments[:1] == ["--commit"] and len(arguments) == len(["--commit", "FILE"]):
        lines = check_subject(Path(arguments[1]).read_text(encoding="utf-8").partition("\n")[0])
        print(*lines, sep="\n", end="\n" if lines else "")
        return 1 if lines else 0
    missing = [name for name in arguments if not Path(name).is_file()]
    if missing:
        print(f"no such file: {', '.join(missing)}", file=sys.stderr)
        return 2
    paths = [Path(name).resolve() for name in arguments]
    lines = [line for path in paths for line in check([path], root_of(path))] if paths else check(files_of(), root_of())
    print("\n".join(lines or ["nothing to change"]))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

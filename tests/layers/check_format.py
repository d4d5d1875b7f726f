#!/usr/bin/env python3
"""Checks that every C++ file has the form that .clang-format asks for.

Only clang-format 14 (Debian 12's) is asked: other versions differ in details. Where it is missing the check
is skipped, loudly, with the exit code of --skip-code.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
from check_layers import LINES_MAX, files_of, module_of  # noqa: E402

VERSION = "14"


def find_clang_format():
    for name in (f"clang-format-{VERSION}", "clang-format"):
        program = shutil.which(name)
        if program:
            said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
            match = re.search(r"version (\d+)", said)
            if match and match.group(1) == VERSION:
                return program
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2])
    parser.add_argument("--skip-code", type=int, default=77, help="exit code when clang-format is missing")
    parser.add_argument("--fix", action="store_true", help="rewrite the files instead")
    arguments = parser.parse_args()
    program = find_clang_format()
    if program is None:
        print(f"format: SKIPPED, no clang-format {VERSION} (infra/install-packages.sh test installs it)")
        return arguments.skip_code
    files = [f for f in files_of(arguments.root)
             if Path(f).suffix in LINES_MAX and module_of(f) and (arguments.root / f).is_file()]
    if not files:
        print(f"format: no C++ files below {arguments.root}")
        return 1
    how = ["-i"] if arguments.fix else ["--dry-run", "-Werror"]
    result = subprocess.run([program, *how, *files], cwd=arguments.root, capture_output=True, text=True, check=False)
    places = re.findall(r"^(.+?):(\d+):\d+: error:", result.stderr, re.MULTILINE)
    for file in dict.fromkeys(file for file, _ in places):
        lines = list(dict.fromkeys(line for name, line in places if name == file))
        print(f"{file}:{lines[0]}: {len(lines)} lines differ from .clang-format; run tests/layers/check_format.py --fix")
    if result.returncode and not places:
        print(result.stderr, end="")
    print(f"format: {len(files)} files, {'not ok' if result.returncode else 'ok'}")
    return 1 if result.returncode else 0


if __name__ == "__main__":
    sys.exit(main())

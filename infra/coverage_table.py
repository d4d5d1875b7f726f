#!/usr/bin/env python3
"""Prints which share of the lines and branches of core/quorum ran, a row a file; exit code 1 when it is too little.

Reads what gcov makes of the counters in a build of the preset coverage. Three kinds of branches are not counted, as
no story can or should take them: those that an exception takes, with their other side; those of a MOM_CHECK, whose
other side is a bug of ours; those in a comparison that the compiler wrote (= default).
"""

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MEASURED = "core/quorum/"


def gcov(counters):
    """gcov's account of one object file, and the folder that its relative paths begin at."""
    done = subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--stdout", str(counters)],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"coverage: gcov of {counters}: {done.stderr.strip()}")
    account = json.loads(done.stdout)
    return account["files"], Path(account["current_working_directory"])


def own_branches(branches):
    """Counts of the branches without those of exceptions: behind a call the way on comes first, then the throw."""
    counts = []
    for branch in branches:
        if not branch["throw"]:
            counts.append(branch["count"])
        elif counts:
            counts.pop()
    return counts


def checked_lines(text):
    """Numbers of the lines that a MOM_CHECK or a comparison by the compiler stands on."""
    lines, open_check = set(), False
    for number, line in enumerate(text.split("\n"), 1):
        open_check = open_check or "MOM_CHECK(" in line
        if open_check or "= default" in line:
            lines.add(number)
        open_check = open_check and ";" not in line
    return lines


class File:
    def __init__(self, path):
        self.ignored = checked_lines((ROOT / path).read_text(encoding="utf-8"))
        self.lines = defaultdict(int)
        self.branches = {}  # (line, function): counts. The same function in several objects adds up.

    def add(self, line):
        number = line["line_number"]
        self.lines[number] += line["count"]
        if number in self.ignored:
            return
        counts = own_branches(line["branches"])
        key = (number, line.get("function_name", ""), len(counts))
        old = self.branches.get(key, [0] * len(counts))
        self.branches[key] = [a + b for a, b in zip(old, counts)]

    def figures(self):
        """(lines, that ran, branches, that ran)"""
        branches = [count for counts in self.branches.values() for count in counts]
        return (len(self.lines), sum(count > 0 for count in self.lines.values()),
                len(branches), sum(count > 0 for count in branches))

    def holes(self):
        """Lines that never ran, and lines that have a branch that never ran."""
        lines = {number for number, count in self.lines.items() if count == 0}
        return sorted(lines), sorted({key[0] for key, counts in self.branches.items() if 0 in counts} - lines)


def read(build):
    files = {}
    for counters in sorted(Path(build).rglob("*.gcda")):
        found, folder = gcov(counters)
        for one in found:
            path = (folder / one["file"]).resolve()
            if not path.is_relative_to(ROOT) or not str(path.relative_to(ROOT)).startswith(MEASURED):
                continue
            name = str(path.relative_to(ROOT))
            file = files.setdefault(name, None) or File(name)
            files[name] = file
            for line in one["lines"]:
                file.add(line)
    return {name: file for name, file in sorted(files.items()) if file.lines}


def share(part, whole):
    return 100.0 * part / whole if whole else 100.0


def row(name, figures):
    lines, lines_ran, branches, branches_ran = figures
    print(f"{name:<34} {lines:>6} {share(lines_ran, lines):>7.1f} {branches:>9} {share(branches_ran, branches):>7.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=Path, help="folder of the build whose programs ran")
    parser.add_argument("--lines-min", type=float, default=90, help="per cent")
    parser.add_argument("--branches-min", type=float, default=80, help="per cent")
    parser.add_argument("--holes", action="store_true", help="also print the numbers of the lines that lack something")
    arguments = parser.parse_args()
    files = read(arguments.build)
    if not files:
        raise SystemExit(f"coverage: no counters of {MEASURED} below {arguments.build}")
    print(f"{'file':<34} {'lines':>6} {'% ran':>7} {'branches':>9} {'% ran':>7}")
    total = (0, 0, 0, 0)
    for name, file in files.items():
        row(name, file.figures())
        if arguments.holes:
            lines, branches = file.holes()
            print(f"    lines {lines}\n    branches {branches}")
        total = tuple(a + b for a, b in zip(total, file.figures()))
    row("all", total)
    lines, branches = share(total[1], total[0]), share(total[3], total[2])
    if lines < arguments.lines_min or branches < arguments.branches_min:
        print(f"coverage: asked are {arguments.lines_min:g} % of the lines and {arguments.branches_min:g} % of the branches")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

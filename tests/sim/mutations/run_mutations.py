#!/usr/bin/env python3
"""Seeds bugs into the product and asks the simulator to find them: proof that the checkers are awake.

Two suites: the protocol (core/quorum, mom-sim) and the whole node (replication, mom-sim-full).

Each mutant's files are compiled and linked before the library, so that they stand in for the originals. Prints a table;
exit code 1 when a mutant does not apply, does not compile or is not found within the budget, or when what mom-sim
--minimise makes of its history does not show the same property again. Whether the scenarios of tests/core/quorum
notice it, too, is printed but decides nothing.
"""

import argparse
import concurrent.futures
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import mutants  # noqa: E402
import node_mutants  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
# Folder of the sources, and the list.
SUITES = {"protocol": (ROOT / "core/quorum", mutants.MUTANTS), "node": (ROOT / "replication/replica", node_mutants.MUTANTS)}
FOUND = re.compile(r"^seed (\d+) event #(\d+): (.*)$", re.MULTILINE)
REPLAY = re.compile(r"^  faults: (\S+)\n  replay: mom-sim (.*) --trace$", re.MULTILINE)
REPLAYED = re.compile(r"^seed \d+: (\d+) events, hash \w+, (.*)$", re.MULTILINE)


class Failed(Exception):
    pass


def patched(edits, folder):
    """Text of every changed file, by name."""
    texts = {}
    for file, old, new in edits:
        text = texts.get(file) or (folder / file).read_text()
        if text.count(old) != 1:
            raise Failed(f"does not apply: {file} has {text.count(old)} times {old.splitlines()[0]!r}")
        texts[file] = text.replace(old, new)
    return texts


def build(edits, folder, arguments):
    """The simulator, and the scenarios when they were given."""
    objects = []
    includes = [f"-I{folder_of}" for folder_of in [ROOT, *arguments.includes]]
    for file, text in patched(edits, SUITES[arguments.suite][0]).items():
        source = folder / file
        source.write_text(text)
        objects.append(str(source.with_suffix(".o")))
        run([arguments.compiler, "-std=c++20", "-O1", *includes, "-c", str(source), "-o", objects[-1]])
    link = [arguments.compiler, "-o"]
    program = folder / "mutant"
    run([*link, str(program), *arguments.objects, *objects, *arguments.libraries, *[f"-l{name}" for name in arguments.link], "-pthread"])
    if not arguments.scenarios:
        return program, None
    scenarios = folder / "scenarios"
    run([*link, str(scenarios), *arguments.scenarios, *objects, *arguments.scenario_libraries, "-pthread"])
    return program, scenarios


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed("does not compile: " + (done.stderr.splitlines() or ["?"])[0])


def hunt(program, arguments):
    """(reason, seed, event) or None."""
    command = [str(program), "--seeds", f"1..{arguments.seeds}", "--events", str(arguments.events), "--time-limit",
               str(arguments.seconds), "--quiet", "--no-guard"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=arguments.seconds + 60)
    except subprocess.TimeoutExpired:
        return "L2: a step or a run that never ends", "?", "?"
    match = FOUND.search(done.stdout)
    if match:
        return match.group(3), match.group(1), match.group(2)
    if done.returncode:
        return f"the process ended with {done.returncode}", "?", "?"
    return None


def property_of(reason):
    return reason.split(" [")[0]


def minimise(program, seed, reason, arguments):
    """(event, faults) of the smaller history. Failed when it is none, or does not show what it says."""
    smaller = ask(program, ["--seed", seed, "--events", str(arguments.events), "--minimise"])
    found, replay = FOUND.search(smaller), REPLAY.search(smaller)
    if not found or not replay or property_of(found.group(3)) != property_of(reason):
        raise Failed(f"not minimised: seed {seed}")
    again = REPLAYED.search(ask(program, replay.group(2).split()))
    if not again or again.groups() != found.group(2, 3):
        raise Failed(f"the smaller history is another one: mom-sim {replay.group(2)}")
    return found.group(2), replay.group(1)


def ask(program, words):
    done = subprocess.run([str(program), *words], capture_output=True, text=True, check=False, timeout=120)
    return done.stdout


def scenarios_notice(program):
    """yes, no, or nothing to say: any failure, an abort as well. Random histories are the simulator's business."""
    if program is None:
        return "-"
    try:
        done = subprocess.run([str(program), "--gtest_brief=1", "--gtest_filter=-*RandomHistories*"], capture_output=True,
                              text=True, errors="replace", check=False, timeout=60)
    except subprocess.TimeoutExpired:
        return "yes"
    return "yes" if done.returncode else "no"


def judge(edits, arguments):
    """Whether it was found, and the columns of its line."""
    begin = time.monotonic()
    notice, faults = "-", ""
    try:
        with tempfile.TemporaryDirectory() as folder:
            program, scenarios = build(edits, Path(folder), arguments)
            found = hunt(program, arguments)
            notice = scenarios_notice(scenarios)
            if found and found[1] != "?" and arguments.suite == "protocol":
                event, faults = minimise(program, found[1], found[0], arguments)
                found = (found[0], found[1], event)
    except Failed as failed:
        found = None
        reason = str(failed)
    else:
        reason = "NOT FOUND"
    reason, seed, event = found or (reason, "", "")
    return bool(found), (seed, event, time.monotonic() - begin, notice, property_of(reason), faults)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--compiler", default="c++")
    parser.add_argument("--suite", choices=SUITES, default="protocol")
    parser.add_argument("--objects", nargs="+", required=True, help="of the simulator's program itself")
    parser.add_argument("--libraries", nargs="+", required=True, help="those of the simulator, then the product's")
    parser.add_argument("--includes", nargs="*", default=[], help="folders besides the root of the sources")
    parser.add_argument("--link", nargs="*", default=[], help="libraries of the system")
    parser.add_argument("--scenarios", nargs="*", default=[], help="objects of quorum_test")
    parser.add_argument("--scenario-libraries", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=4_000, help="histories, a mutant")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--seconds", type=int, default=300, help="of searching, a mutant; a machine may be slow")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="regular expression of names")
    arguments = parser.parse_args()
    chosen = [m for m in SUITES[arguments.suite][1] if re.search(arguments.only, m[0])]
    begin = time.monotonic()
    # Without a bug nothing may be found, or the table says nothing.
    with tempfile.TemporaryDirectory() as folder:
        program, scenarios = build((), Path(folder), arguments)
        arguments.seeds, seeds = 20, arguments.seeds
        if hunt(program, arguments) or scenarios_notice(scenarios) == "yes":
            print("mutations: the code without a bug fails already")
            return 1
        arguments.seeds = seeds
    missed = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        futures = [(name, pool.submit(judge, edits, arguments)) for name, _, edits in chosen]
        print(f"{'mutant':<26} {'seed':>6} {'event':>7} {'s':>6} {'scenarios':>9}  caught by")
        for name, future in futures:
            found, (seed, event, seconds, notice, reason, faults) = future.result()
            missed += 0 if found else 1
            print(f"{name:<26} {seed:>6} {event:>7} {seconds:6.1f} {notice:>9}  {reason}" + (f"; with {faults}" if faults else ""), flush=True)
    print(f"mutations: {len(chosen) - missed} of {len(chosen)} found in {time.monotonic() - begin:.0f} s")
    return 1 if missed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())

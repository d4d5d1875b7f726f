#!/usr/bin/env python3
"""Checks who includes whom, what core/ may not name, where third-party headers may stand, sizes of files and functions.

Prints one line a finding: file:line: what; what to do. Exit code 1 when there is an error.
With --self-test every rule is shown to fire on a bad file, and to be silent on a good one.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# Who may include whom; the diagram in docs/architecture.md. A key is a folder, longest prefix first.
CORE = {"core/base", "core/quorum", "core/broker"}
MAY_INCLUDE = {
    "core/base": {"core/base"},
    "core/quorum": {"core/base", "core/quorum"},
    "core/broker": {"core/base", "core/broker", "proto"},
    "wal": CORE | {"wal", "proto"},
    "replication": CORE | {"wal", "proto", "replication"},
    "rest": CORE | {"wal", "proto", "replication", "rest"},
    "infra": CORE | {"wal", "proto", "replication", "rest", "infra"},
}
ANYTHING = {"bench", "tests"}
MODULES = list(MAY_INCLUDE) + ["proto"] + sorted(ANYTHING)
TOP_FOLDERS = {m.split("/")[0] for m in MODULES}

# Third-party headers that stay behind files named for them.
NAMED_FILES = {
    "leveldb/": "leveldb_",
    "grpcpp/": "grpc_",
    "grpc/": "grpc_",
    "openssl/": "openssl_",
    "boost/asio": "asio_",
    "boost/beast": "asio_",
    "pistache/": "pistache_",
    "zlib.h": "zlib_",
}

# Patterns on code without comments and strings, with the way out.
BANNED_IN_CORE = {
    r"_clock::now": "pass the time in (Instant now, or the entry's timestamp)",
    r"\b(?:clock_gettime|gettimeofday)\b": "pass the time in",
    r"\bstd::j?thread\b": "core has no threads; let the caller run it",
    r"\bstd::(?:\w+_)?mutex\b": "core has no threads, so it needs no lock",
    r"\bstd::condition_variable": "core has no threads; return what to wait for",
    r"\brandom_device\b": "pass a seed or the random bytes in",
    r"\bstd::(?:basic_)?[io]?fstream\b": "core has no files; go through wal/ or a port",
    r"\b(?:fopen|std::filesystem)\b": "core has no files; go through wal/ or a port",
    r"\bunordered_\w+": "iteration order differs between machines: use std::map or a sorted vector",
    r"\b(?:double|float)\b": "floating point differs between machines: use integers with a unit",
    r"\bstd::(?:cout|cerr|clog)\b": "core does not log; return it as a value",
}
BANNED_HEADERS_IN_CORE = re.compile(
    r"^(?:thread|mutex|shared_mutex|condition_variable|future|fstream|iostream|filesystem|unordered_map|"
    r"unordered_set|ctime|time\.h|unistd\.h|fcntl\.h|pthread\.h|(?:sys|netinet|arpa|spdlog)/.*)$")

LINES_MAX = {".cc": 400, ".h": 200}
SIZE_IS_ERROR_IN = {"core/quorum"}
FUNCTION_LINES_MAX = 60  # In core: a rule is read on one screen.

MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:work|home|root|Users)/\w")
TEXT_SUFFIXES = {".cc", ".h", ".proto", ".py", ".sh", ".cmake", ".txt", ".json", ".yaml", ".yml", ".md",
                 ".template", ".toml", ".html", ".js", ".css", ".service", ""}
SKIPPED_FOLDERS = {".git", "build", "mom-data", "__pycache__", ".cache", "node_modules"}

RULES = {"direction", "relative", "banned", "third-party", "size", "function-size", "machine-path"}


class Finding:
    def __init__(self, rule, file, line, text, is_error=True):
        self.rule, self.file, self.line, self.text, self.is_error = rule, file, line, text, is_error

    def __str__(self):
        kind = "" if self.is_error else "warning: "
        return f"{self.file}:{self.line}: {kind}{self.text}"


def module_of(path):
    """Folder of MODULES that holds `path` (relative, with slashes), or None."""
    return next((m for m in MODULES if path.startswith(m + "/")), None)


def strip(source, keep_strings):
    """Blanks comments, and strings too unless kept; line breaks stay where they are."""
    token = re.compile(
        r'//(?:\\\n|[^\n])*|/\*.*?\*/'                          # comments
        r'|R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)"'        # raw string
        r'|"(?:\\.|[^"\\\n])*"'                                 # string
        r"|(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])*'",               # character; not the separator in 1'000
        re.DOTALL)

    def blank(match):
        text = match.group()
        if keep_strings and not text.startswith(("//", "/*")):
            return text
        return re.sub(r"[^\n]", " ", text)

    return token.sub(blank, source)


def includes(source):
    """Yields (line number, '"' or '<', header) of every include that is not commented out."""
    for number, line in enumerate(strip(source, keep_strings=True).split("\n"), 1):
        match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if match:
            yield number, match.group(1), match.group(2)


def check_include(root, path, module, number, quote, header):
    target = "proto" if header.startswith("mom/v1/") else module_of(header)
    if target is None and quote == '"':
        own_folder = header.split("/")[0] in TOP_FOLDERS
        if own_folder or (root / path).parent.joinpath(header).exists():
            yield Finding("relative", path, number, f'includes "{header}"; write the path from the root of '
                          "the repository, with a folder that DESIGN's layout knows")
    if target is not None and module not in ANYTHING and target not in MAY_INCLUDE.get(module, set()):
        allowed = ", ".join(sorted(MAY_INCLUDE.get(module, set()))) or "nothing of ours"
        yield Finding("direction", path, number, f"{module} includes {header} of {target}; it may only see "
                      f"{allowed}: move the code down or pass it in from above")
    if module != "bench":
        for prefix, name in NAMED_FILES.items():
            if header.startswith(prefix) and not Path(path).name.startswith(name):
                yield Finding("third-party", path, number, f"includes {header}; only a file named {name}* may: "
                              "put a port of ours in between")
    if module in CORE and quote == "<" and BANNED_HEADERS_IN_CORE.match(header):
        yield Finding("banned", path, number, f"core includes <{header}>; core is pure: no clock, thread, "
                      "socket, file or logger")


def functions(source):
    """Yields (first line, last line) of every function body with its head; what stands inside of one is part of it."""
    code = re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", lambda match: re.sub(r"[^\n]", " ", match.group()),
                  strip(source, keep_strings=False), flags=re.MULTILINE)
    head, depth, ends = 0, 0, []  # `ends`: depths at which a value in braces or a function ends.
    for at in (match.start() for match in re.finditer(r"[{};]", code)):
        if code[at] == "{":
            depth += 1
            if ends:
                continue
            text = code[head:at].strip()
            if re.match(r"[\w>\]]", code[at - 1:at]) or text.endswith("="):
                ends.append((depth, None))
            elif "(" in text and not re.match(r"(?:namespace|class|struct|union|enum|extern)\b", text):
                ends.append((depth, at - len(code[head:at].lstrip())))
            else:
                head = at + 1
        elif code[at] == "}":
            depth -= 1
            if ends and ends[-1][0] == depth + 1:
                begin = ends.pop()[1]
                if begin is None:
                    continue  # A member's first value: the head goes on behind it.
                yield code.count("\n", 0, begin) + 1, code.count("\n", 0, at) + 1
            if not ends:
                head = at + 1
        elif not ends:
            head = at + 1


def check_functions(path, source):
    for first, last in functions(source):
        lines = last - first + 1
        if lines > FUNCTION_LINES_MAX:
            yield Finding("function-size", path, first, f"a function of {lines} lines, at most are "
                          f"{FUNCTION_LINES_MAX}; let a part of it have a name of its own")


def check_source(root, path, source):
    module = module_of(path)
    for number, quote, header in includes(source):
        yield from check_include(root, path, module, number, quote, header)
    if module in CORE:
        for number, line in enumerate(strip(source, keep_strings=False).split("\n"), 1):
            if line.lstrip().startswith("#"):
                continue  # Includes have their own rule.
            for pattern, way_out in BANNED_IN_CORE.items():
                match = re.search(pattern, line)
                if match:
                    yield Finding("banned", path, number, f"core names {match.group()}; {way_out}")
    if module in CORE:
        yield from check_functions(path, source)
    limit = LINES_MAX[Path(path).suffix]
    lines = source.count("\n")
    if lines > limit:
        yield Finding("size", path, limit + 1, f"{lines} lines, aimed at {limit}; split it by concern",
                      is_error=module in SIZE_IS_ERROR_IN)


def check_text(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        match = MACHINE_PATH.search(line)
        if match:
            yield Finding("machine-path", path, number, f"names the path {match.group()}... of one machine; make "
                          "it relative or an argument")


def files_of(root):
    """Relative paths of what git knows or would add; outside of git, of everything."""
    git = subprocess.run(["git", "-C", str(root), "ls-files", "-co", "--exclude-standard", "-z"],
                         capture_output=True, check=False)
    top = subprocess.run(["git", "-C", str(root), "rev-parse", "--show-toplevel"], capture_output=True, check=False)
    if git.returncode == 0 and os.path.realpath(os.fsdecode(top.stdout.strip())) == os.path.realpath(root):
        return sorted({os.fsdecode(name) for name in git.stdout.split(b"\0") if name})
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if f not in SKIPPED_FOLDERS]
        found += [os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/") for name in names]
    return sorted(found)


def check_tree(root):
    """Returns (findings, number of C++ files looked at)."""
    root = Path(root)
    findings, sources = [], 0
    for path in files_of(root):
        full = root / path
        suffix = full.suffix
        if suffix not in TEXT_SUFFIXES or not full.is_file():
            continue  # Binary, or deleted but still known to git.
        text = full.read_text(encoding="utf-8", errors="replace")
        findings += check_text(path, text)
        if suffix in LINES_MAX and module_of(path):
            sources += 1
            findings += check_source(root, path, text)
    return findings, sources


# One bad file a line: rule that must fire, path, content, line of the finding. Nothing else may fire.
BAD = [
    ("direction", "core/base/a.h", '#include "core/quorum/quorum.h"\n', 1),
    ("direction", "core/base/a.h", '#include "mom/v1/commands.pb.h"\n', 1),
    ("direction", "core/quorum/a.cc", '\n#include "core/broker/broker.h"\n', 2),
    ("direction", "core/quorum/a.cc", '#include "mom/v1/commands.pb.h"\n', 1),
    ("direction", "core/broker/a.cc", '#include "core/quorum/quorum.h"\n', 1),
    ("direction", "core/broker/a.cc", '#  include <wal/wal.h>\n', 1),
    ("direction", "wal/a.cc", '#include "replication/replica/replica.h"\n', 1),
    ("direction", "wal/a.cc", '#include "rest/http_port.h"\n', 1),
    ("direction", "replication/view/a.h", '#include "rest/http_port.h"\n', 1),
    ("direction", "replication/view/a.h", '#include "infra/config.h"\n', 1),
    ("direction", "rest/a.cc", '#include "infra/config.h"\n', 1),
    ("direction", "rest/a.cc", '#include "bench/histogram.h"\n', 1),
    ("direction", "infra/a.cc", '#include "tests/cluster/nodes.h"\n', 1),
    ("relative", "wal/a.cc", '#include "core/entry.h"\n', 1),
    ("relative", "wal/a.cc", '#include "a.cc"\n', 1),
    ("banned", "core/broker/a.cc", "auto n = std::chrono::steady_clock::now();\n", 1),
    ("banned", "core/broker/a.cc", "clock_gettime(0, &t);\n", 1),
    ("banned", "core/quorum/a.cc", "/* x\n */ std::thread t;\n", 2),
    ("banned", "core/quorum/a.cc", "std::jthread t;\n", 1),
    ("banned", "core/quorum/a.cc", "std::mutex m;\n", 1),
    ("banned", "core/quorum/a.cc", "std::shared_mutex m;\n", 1),
    ("banned", "core/quorum/a.cc", "std::condition_variable c;\n", 1),
    ("banned", "core/base/a.h", "std::random_device d;\n", 1),
    ("banned", "core/base/a.h", "std::ofstream f;\n", 1),
    ("banned", "core/base/a.h", "std::fstream f;\n", 1),
    ("banned", "core/base/a.h", 'auto f = fopen("x", "r");\n', 1),
    ("banned", "core/broker/a.h", "std::unordered_map<int, int> m;\n", 1),
    ("banned", "core/broker/a.h", "int x = 1'000; double y;  // one\n", 1),
    ("banned", "core/broker/a.h", "float y;\n", 1),
    ("banned", "core/broker/a.h", 'std::cerr << "x";\n', 1),
    ("banned", "core/broker/a.h", "#include <iostream>\n", 1),
    ("banned", "core/broker/a.h", "#include <sys/socket.h>\n", 1),
    ("banned", "core/broker/a.h", "#include <unordered_set>\n", 1),
    ("third-party", "replication/view/view.cc", "#include <leveldb/db.h>\n", 1),
    ("third-party", "replication/view/view.cc", '#include "leveldb/db.h"\n', 1),
    ("third-party", "replication/transport/peer.h", "#include <grpcpp/grpcpp.h>\n", 1),
    ("third-party", "replication/transport/peer.h", "#include <grpc/grpc.h>\n", 1),
    ("third-party", "replication/replica/run.cc", "#include <boost/asio.hpp>\n", 1),
    ("third-party", "replication/replica/run.cc", "#include <boost/asio/post.hpp>\n", 1),
    ("third-party", "tests/rest/client.cc", "#include <boost/beast/core.hpp>\n", 1),
    ("third-party", "rest/server.cc", "#include <pistache/http.h>\n", 1),
    ("third-party", "infra/certificates.cc", "#include <openssl/x509.h>\n", 1),
    ("third-party", "rest/unpack.cc", "#include <zlib.h>\n", 1),
    ("size", "core/quorum/a.cc", "\n" * 401, 401),
    ("size", "core/quorum/a.h", "\n" * 201, 201),
    ("function-size", "core/quorum/a.cc", "namespace a {\n\nint b;\nvoid F() {\n" + "  G();\n" * 59 + "}\n}\n", 4),
    ("function-size", "core/quorum/a.cc", "#define X {\nint A::F(int a,  // {\n      int b) {\n" + "  { G(); }\n" * 58 + "}\n", 2),
    ("function-size", "core/quorum/a.cc", "A::A(int b)\n    : b_{b}, c_{} {\n" + "  if (b) {\n  }\n" * 29 + "}\n", 1),
    ("function-size", "core/quorum/a.h", "struct A {\n  int b{0};\n  void F() {\n" + "    G();\n" * 59 + "  }\n};\n", 3),
    ("machine-path", "infra/start.sh", "cd /ho" + "me/someone/mom\n", 1),
    ("machine-path", "docs/a.md", "see\n`/wo" + "rk/notes.md`\n", 2),
]
GOOD = [
    ("core/base/a.h", "// std::mutex, double and /* float\nint a;  // std::thread\n"),
    ("core/base/b.h", 'const char* s = "std::mutex"; char c = \'"\'; int doubled = 1\'000;\n'),
    ("core/base/c.h", 'const char* s = R"x(double " )x"; std::chrono::milliseconds ms;\n'),
    ("core/quorum/a.cc", '#include <map>\n#include "core/base/ids.h"\n#include "core/quorum/b.h"\n' + "\n" * 397),
    ("core/quorum/b.cc", "namespace a {\nvoid F() {\n" + "  G();\n" * 58 + "}\nvoid H() {\n" + "  G();\n" * 58 + "}\n}\n"),
    ("core/quorum/c.cc", "static const int k[] = {\n" + "    F(1),\n" * 80 + "};\nstruct A {\n" + "  int b = F();\n" * 80 + "};\n"),
    ("wal/c.cc", "void F() {\n" + "  G();\n" * 80 + "}\n"),
    ("core/broker/a.cc", '#include "mom/v1/commands.pb.h"\n#include <xxhash.h>\n'),
    ("core/broker/b.cc", '// #include "wal/wal.h"\n'),
    ("wal/a.cc", '#include <fcntl.h>\n#include "core/base/entry.h"\n#include "wal/env.h"\n#include "mom/v1/a.pb.h"\n'),
    ("wal/b.cc", "std::mutex m; double d;\n"),
    ("replication/view/leveldb_view.cc", '#include <leveldb/db.h>\n#include "wal/wal.h"\n'),
    ("replication/transport/grpc_peer.cc", '#include <grpcpp/grpcpp.h>\n#include "mom/v1/r.grpc.pb.h"\n'),
    ("replication/replica/asio_loop.cc", '#include <boost/asio.hpp>\n#include "core/quorum/quorum.h"\n'),
    ("rest/pistache_server.cc", '#include <pistache/http.h>\n#include "replication/replica/replica.h"\n'),
    ("infra/momd.cc", '#include <CLI/CLI.hpp>\n#include "rest/routes.h"\n#include "wal/wal.h"\n'),
    ("bench/a.cc", '#include <boost/asio.hpp>\n#include "bench/b.h"\n#include "rest/http_port.h"\n'),
    ("tests/wal/a.cc", '#include <gtest/gtest.h>\n#include "tests/b.h"\n#include "infra/config.h"\n'),
    ("docs/a.md", "GET https://example.org/work/1, ~/work/2, /workers/3, `/home`\n"),
]


def check_one(path, content):
    with tempfile.TemporaryDirectory() as folder:
        full = Path(folder, path)
        full.parent.mkdir(parents=True)
        full.write_text(content, encoding="utf-8")
        return check_tree(folder)[0]


def self_test():
    failed = []
    for rule, path, content, line in BAD:
        found = check_one(path, content)
        if [(f.rule, f.file, f.line, f.is_error) for f in found] != [(rule, path, line, True)]:
            failed.append(f"bad {path} {content[:60]!r}: expected {rule} at line {line}, found {[str(f) for f in found]}")
    for path, content in GOOD:
        found = check_one(path, content)
        if found:
            failed.append(f"good {path}: found {[str(f) for f in found]}")
    for folder in ("wal", "rest"):  # Outside of core/quorum the size is a warning.
        found = check_one(f"{folder}/long.cc", "\n" * 401)
        if [(f.rule, f.is_error) for f in found] != [("size", False)]:
            failed.append(f"{folder}/long.cc: expected one warning, found {[str(f) for f in found]}")
    for rule in RULES - {rule for rule, *_ in BAD}:
        failed.append(f"rule {rule} has no bad example")
    for pattern in BANNED_IN_CORE:
        if not any(rule == "banned" and re.search(pattern, content) for rule, _, content, _ in BAD):
            failed.append(f"banned pattern {pattern} has no bad example")
    for prefix in NAMED_FILES:
        if not any(rule == "third-party" and prefix in content for rule, _, content, _ in BAD):
            failed.append(f"third-party prefix {prefix} has no bad example")
    for line in failed:
        print(line)
    print(f"layers self-test: {len(BAD)} bad and {len(GOOD)} good files, {len(failed)} failures")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", default=Path(__file__).resolve().parents[2], help="root of the sources")
    parser.add_argument("--self-test", action="store_true", help="prove that every rule can fire")
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()
    findings, sources = check_tree(arguments.root)
    for finding in findings:
        print(finding)
    errors = sum(finding.is_error for finding in findings)
    print(f"layers: {sources} files, {errors} errors, {len(findings) - errors} warnings")
    if sources == 0:
        print(f"{arguments.root}:1: no C++ files here; give --root the root of the sources")
        return 1
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())

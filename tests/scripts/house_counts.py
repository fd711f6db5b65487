#!/usr/bin/env python3
"""Counts of the house: arrows between rooms, knowledge kept twice, sizes. Standard library only.

Usage: tests/scripts/house_counts.py [--against COMMIT] [--list]

Counts the checkout that the script lies in; with --against a commit too, side by side. --list names what is counted.
Program text is a file without comments and without `#[cfg(test)]` modules; files named tests.rs or sample.rs and those in folders
tests/, benches/ and examples/ are no program text. How each line is counted:

upward arrows   pairs of rooms of core where the first names a path of the second and stands below it in the table FLOORS of
                core/tests/floors.rs; rooms that earlier commits had go to the floor that has their files now
knots           sets of a crate's rooms (first part of a path) that need each other, by all `crate::` and `super::` paths
file circles    sets of files that need each other, paths taken to the file that they lead to; arrows between a module and what
                lies inside it do not count
family files    program files with a string that is a family's name, type or GGUF name, outside core/src/model/family/
readers         program files that read a format themselves: GGUF by `b"GGUF"`, safetensors by "data_offsets", npy by NUMPY, CSV by a doubled
                quote, YAML by saphyr, JSON by serde_json::from_*
twice           names of modules that stand at more than one place of one crate
"""

import argparse
import collections
import io
import pathlib
import re
import statistics
import subprocess
import tarfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CRATES = {"core": "core/src", "leaf": "core/leaf/src", "codec": "core/codec/src", "chart": "core/chart/src", "web": "web/src", "reader": "web/reader/src", "sitegen": "sitegen/src", "native": "native/src"}
# Rooms of earlier commits and the floor that has their files now.
FORMER = {"document": "format", "wire": "leaf", "number": "leaf"}


def checkout():
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.rs"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    return {name: (ROOT / name).read_text() for name in names if (ROOT / name).exists()}


def commit(name):
    packed = subprocess.run(["git", "archive", name], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return {m.name: archive.extractfile(m).read().decode() for m in archive if m.isfile() and m.name.endswith(".rs")}


def is_program(path):
    parts = path.split("/")
    return not (parts[-1] in ("tests.rs", "sample.rs") or {"tests", "benches", "examples", "fuzz"} & set(parts[:-1]))


def program(text):
    out, test = [], None
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        if test is None and line.strip() == "#[cfg(test)]":
            test = (indent, False)
        elif test is None:
            out.append(re.sub(r"(^|[^:\"])//.*", r"\1", line))
        elif not test[1]:
            if not line.strip().startswith("#["):
                test = (test[0], True) if line.endswith("{") else None
        elif indent <= test[0] and line.strip() == "}":
            test = None
    return "\n".join(out)


def leaves(tree):
    """Paths of a `use` tree."""
    tree = tree.strip()
    head, brace, rest = tree.partition("{")
    if not brace:
        return [tree.split(" as ")[0].strip()]
    depth, item, items = 0, "", []
    for sign in rest.rstrip()[:-1]:
        depth += (sign == "{") - (sign == "}")
        if sign == "," and depth == 0:
            items.append(item)
            item = ""
        else:
            item += sign
    return [head.strip() + leaf for item in items + [item] if item.strip() for leaf in leaves(item)]


def module_of(path, source):
    parts = path[len(source) + 1 : -3].split("/")
    return tuple(parts[:-1] if parts[-1] in ("mod", "lib", "main") else parts)


def paths(module, text):
    """Absolute paths that a program file names."""
    found = []

    def use(match):
        found.extend(leaves(match[1]))
        return ""

    rest = re.sub(r"\buse\s+((?:crate|super|self)\b[^;]*);", use, text)
    found += re.findall(r"(?<![\w:$])(?:crate|super)(?:::\w+)+", rest)
    for path in found:
        parts = [part.strip() for part in path.split("::")]
        base = list(module)
        if parts[0] == "crate":
            base, parts = [], parts[1:]
        while parts and parts[0] in ("super", "self"):
            base = base[:-1] if parts[0] == "super" else base
            parts = parts[1:]
        yield tuple(base + parts)


def knots(arrows):
    """Sets of more than one node that reach each other."""
    reach = {}
    for start in arrows:
        seen, todo = set(), [start]
        while todo:
            for to in arrows.get(todo.pop(), ()):
                if to not in seen:
                    seen.add(to)
                    todo.append(to)
        reach[start] = seen
    sets = {frozenset(b for b in reach[a] if a in reach.get(b, ()) ) | {a} for a in reach if a in reach[a]}
    return sorted((sorted(s) for s in sets if len(s) > 1), key=str)


def floors(files):
    text = files.get("core/tests/floors.rs") or (ROOT / "core/tests/floors.rs").read_text()
    table = text[text.index("const FLOORS") : text.index("];", text.index("const FLOORS"))]
    rooms = [room for line in re.findall(r"\(\"\w+\", &\[([^\]]*)\]", table) for room in re.findall(r"\w+", line)]
    return {room: place for place, room in enumerate(rooms)}


def counts(files):
    texts = {path: program(text) for path, text in files.items() if is_program(path)}
    rows, lists = {}, {}

    def row(name, items):
        rows[name], lists[name] = len(items), items

    order = floors(files)
    for crate, source in CRATES.items():
        mine = {path: text for path, text in texts.items() if path.startswith(source + "/")}
        modules = {module_of(path, source): path for path in mine}
        rooms, between = collections.defaultdict(set), collections.defaultdict(set)
        for path, text in mine.items():
            module = module_of(path, source)
            for target in paths(module, text):
                if target and target[0] == "Model":
                    target = ("model",) + target
                room = (module or ("lib",))[0]
                if target and (target[0],) in modules and target[0] != room and module:
                    rooms[room].add(target[0])
                place = next((target[:n] for n in range(len(target), 0, -1) if target[:n] in modules), None)
                inside = place is None or place == module or module[: len(place)] == place or place[: len(module)] == module
                if not inside:
                    between[path].add(modules[place])
        if crate == "core":
            height = lambda room: order.get(FORMER.get(room, room), 0)
            row("core: upward arrows", [f"{a} -> {b}" for a in sorted(rooms) for b in sorted(rooms[a]) if height(b) < height(a)])
        row(f"{crate}: knots of rooms", [", ".join(k) for k in knots(rooms)])
        row(f"{crate}: file circles", [", ".join(k) for k in knots(between)])

    names = set()
    for path, text in files.items():
        if path.startswith("core/src/model/family/"):
            names |= set(re.findall(r"^        name: \"([^\"]+)\"", text, re.M))
            for found in re.findall(r"^        (?:types|gguf): &\[([^\]]*)\]", text, re.M):
                names |= set(re.findall(r"\"([^\"]+)\"", found))
    names -= {"mamba", "mamba2", "step"}
    for crate in ("core", "web", "sitegen", "native"):
        inside = [p for p, t in texts.items() if p.startswith(CRATES[crate]) and "/model/family/" not in p and names & set(re.findall(r"\"([^\"\n]*)\"", t))]
        row(f"{crate}: family files outside the families", sorted(inside))

    marks = {
        "GGUF": r"b\"GGUF\"",
        "safetensors": r"\"data_offsets\"",
        "npy": r"NUMPY",
        "CSV": r"replace\('\"', \"\\\"\\\"\"\)",
        "YAML": r"saphyr_parser",
        "JSON": r"serde_json::from_|serde_json::de::|serde_json::Deserializer",
    }
    for name, mark in marks.items():
        for crate in ("core", "native"):
            found = [p for p, t in texts.items() if p.startswith(CRATES[crate] + "/") and re.search(mark, t)]
            row(f"{crate}: files that read or write {name} themselves", sorted(found))

    sources = {path: text for path, text in files.items() if is_program(path)}
    lengths = sorted(text.count("\n") for text in sources.values())
    rows["Rust files, all"] = len(files)
    rows["Rust lines, all"] = sum(text.count("\n") for text in files.values())
    rows["Rust lines, sources"] = sum(lengths)
    rows["source file, median"] = int(statistics.median(lengths))
    rows["source file, p90"] = lengths[len(lengths) * 9 // 10]
    rows["source file, longest"] = lengths[-1]

    def hits(pattern):
        return [f"{p}:{t[: m.start()].count(chr(10)) + 1}" for p, t in sorted(files.items()) for m in re.finditer(pattern, t)]

    row("lint exceptions", hits(r"#!?\[(?:expect|allow)\b|cfg_attr\([^\n]*, (?:expect|allow)\("))
    row("lint exceptions: cast_possible_truncation", hits(r"clippy::cast_possible_truncation"))
    row("super::super::super", hits(r"super::super::super"))
    row("definitions of MIB or GIB", hits(r"const (?:MIB|GIB)\b"))
    row("modules as name.rs with name/", [p for p in sorted(texts) if any(q.startswith(p[:-3] + "/") for q in texts)])
    twice = []
    for crate, source in CRATES.items():
        places = collections.defaultdict(list)
        for path in texts:
            if path.startswith(source + "/") and (module := module_of(path, source)):
                places[module[-1]].append("::".join(module))
        twice += [f"{crate}: {name}: {', '.join(sorted(where))}" for name, where in sorted(places.items()) if len(where) > 1]
    row("module names at several places of a crate", twice)
    return rows, lists


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", metavar="COMMIT", help="count this commit too")
    parser.add_argument("--list", action="store_true", help="name what is counted")
    options = parser.parse_args()
    now, lists = counts(checkout())
    before = counts(commit(options.against))[0] if options.against else None
    for name, value in now.items():
        old = f"{before.get(name, 0):>8}" if before else ""
        print(f"{old}{value:>8}  {name}")
        if options.list:
            for item in lists.get(name, []):
                print(f"{'':>10}{item}")


if __name__ == "__main__":
    main()

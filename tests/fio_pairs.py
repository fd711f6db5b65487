#!/usr/bin/env python3
"""Sets profile-mmap beside fio on one file, in alternating pairs.

Counts (faults, device bytes) must agree within 1 %; the ratio of medians is reported with its spread.
Usage: tests/fio_pairs.py PROGRAM DIRECTORY [--pairs 12] [--operations 1200] [--realtime]
Needs fio 3 and about 1.2 GB in DIRECTORY, which must be on the storage in question.
"""
import argparse, json, os, resource, statistics, subprocess, sys

JOBS = {  # name: engine here, fio's options, layers x slice bytes
    "4k direct": ("direct", ["--ioengine=psync", "--direct=1", "--bs=4k"], (1, 4096)),
    "4k mmap": ("mmap_random", ["--ioengine=mmap", "--fadvise_hint=random", "--bs=4k"], (1, 4096)),
    "row mmap": ("mmap_random", ["--ioengine=mmap", "--fadvise_hint=random", "--bs=4480"], (35, 128)),
    "row pread": ("pread", ["--ioengine=psync", "--fadvise_hint=random", "--bs=4480"], (35, 128)),
}


def block(program, path, size, engine, shape, count, seed, realtime):
    rows = size // (shape[0] * shape[1])
    spec = {
        "key": {"state": "cold", "pattern": "random_decode", "layout": "contiguous", "engine": engine,
                "pacing_us": 0, "budget_bytes": 0},
        "order": 0, "seed": seed, "stream_seed": 0, "tokens": count, "warm_up": 0, "windows": 1,
        "geometry": {"rows": rows, "layers": shape[0], "layer_bytes": shape[1], "page_bytes": 4096},
        "place": {"path": path, "offset": 0, "bytes": rows * shape[0] * shape[1]},
        "zipf_exponent": 1.0, "trace": [], "group": None, "settle_ms": 0, "realtime": realtime,
        "stop_share": 0.04,
    }
    out = subprocess.run([program, "worker", "block"], input=json.dumps(spec), text=True,
                         stdout=subprocess.PIPE, check=True).stdout
    found = json.loads(out)["windows"][0]["block"]
    counters = found["counters"]
    return found["latency"]["p50_us"], counters["major_faults"] / count, counters["device_read_bytes"] / count


def fio(path, size, options, count, seed, realtime):
    command = ["fio", "--readonly", "--output-format=json", "--name=j", f"--filename={path}", "--rw=randread",
               f"--size={size}", f"--number_ios={count}", "--thread=1", "--iodepth=1", "--norandommap=0",
               f"--randseed={seed}", "--invalidate=1", *options]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_inblock
    prefix = ["chrt", "-f", "1"] if realtime else []
    out = subprocess.run(prefix + command, text=True, stdout=subprocess.PIPE, check=True).stdout
    read = (resource.getrusage(resource.RUSAGE_CHILDREN).ru_inblock - before) * 512
    job = json.loads(out[out.index("{"):])["jobs"][0]
    return job["read"]["clat_ns"]["percentile"]["50.000000"] / 1000, job["majf"] / count, read / count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("directory")
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--operations", type=int, default=1200)
    parser.add_argument("--realtime", action="store_true")
    args = parser.parse_args()
    path = os.path.abspath(os.path.join(args.directory, "fio_pairs.bin"))
    program = os.path.abspath(args.program)
    subprocess.run([program, "profile-mmap", "--warm-only", "--quick", "--num-tokens", "10", "--table", path,
                    "--keep"], check=True, stdout=subprocess.DEVNULL)
    size = os.path.getsize(path) // 4096 * 4096
    failed = False
    print(f"{'job':<12}{'p50 ratio':>10}{'lowest':>9}{'highest':>9}{'faults/op':>18}{'KiB/op':>18}")
    try:
        for name, (engine, options, shape) in JOBS.items():
            ours, theirs = [], []
            # What fio reads for itself: a run of one operation, less that operation.
            fio(path, size, options, 1, 1, args.realtime)
            own = fio(path, size, options, 1, 1, args.realtime)[2] - 4096
            for pair in range(args.pairs):
                one = lambda: ours.append(block(program, path, size, engine, shape, args.operations, pair, args.realtime))
                two = lambda: theirs.append(fio(path, size, options, args.operations, 7000 + pair, args.realtime))
                for run in ((one, two) if pair % 2 else (two, one)):
                    run()
            ratios = [a[0] / b[0] for a, b in zip(ours, theirs)]
            mean = lambda rows, at: statistics.mean(row[at] for row in rows)
            faults, bytes_ = [(mean(ours, at), mean(theirs, at)) for at in (1, 2)]
            bytes_ = (bytes_[0], bytes_[1] - max(own, 0) / args.operations)
            print(f"{name:<12}{statistics.median(ratios):>10.2f}{min(ratios):>9.2f}{max(ratios):>9.2f}"
                  f"{faults[0]:>10.4f}{faults[1]:>8.4f}{bytes_[0] / 1024:>10.3f}{bytes_[1] / 1024:>8.3f}")
            for mine, fios in (faults, bytes_):
                failed |= abs(mine - fios) > 0.01 * max(mine, fios) + 0.005
    finally:
        os.remove(path)
    sys.exit("counts differ by more than 1 %" if failed else 0)


main()

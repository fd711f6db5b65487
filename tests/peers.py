#!/usr/bin/env python3
"""Sets the codec's throughput beside that of packages that can be installed: 4 bits, d = 128, one thread.

Usage: tests/peers.py [--rounds 4] [--vectors 32768]
Runs `cargo bench -p dhurandhar-codec --bench codec` before and after the peers and takes the better run, as it takes
each peer's best round. Peers that are not installed are named with the command that installs them. Throughput is
GB/s of f32, in for encoding and out for decoding; the last column says how many times faster this codec is.
"""
import argparse, os, re, subprocess, sys, time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"

DIM, BITS = 128, 4


def index(cls, **options):
    """A search index takes vectors in and gives scores out: there is nothing to decode."""
    return lambda x: (lambda: cls(DIM, BITS, **options).add(x), None)


def turbovec():
    import turbovec

    return index(turbovec.TurboQuantIndex)


def rotorvec():
    import rotorvec

    return index(rotorvec.RotorQuantIndex)


def pyturboquant_cpu():
    import pyturboquant_cpu as peer

    def prepare(x):
        codes = peer.quantize_mse(x, BITS, seed=1)
        return lambda: peer.quantize_mse(x, BITS, seed=1), lambda: peer.dequantize_mse(codes)

    return prepare


def turbo_quant_lite():
    import turbo_quant_lite as peer

    def prepare(x):
        codec = peer.TurboQuant(DIM, BITS)
        codes = codec.encode_batch(x)
        return lambda: codec.encode_batch(x), lambda: codec.decode_batch(*codes)

    return prepare


def fastvq():
    import turboquant as peer

    def prepare(x):
        codec = peer.TurboQuant(peer.TurboQuantConfig(bit_width=BITS, block_size=DIM, use_qjl=False))
        codes = codec.quantize(x)
        return lambda: codec.quantize(x), lambda: codec.dequantize(codes)

    return prepare


PEERS = {
    "turbovec": turbovec,
    "rotorvec": rotorvec,
    "pyturboquant-cpu": pyturboquant_cpu,
    "turbo-quant-lite": turbo_quant_lite,
    "fastvq": fastvq,
}


def own():
    """Encode and decode GB/s of the large batch."""
    command = ["cargo", "bench", "--quiet", "-p", "dhurandhar-codec", "--bench", "codec"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.findall(r"^(encode|decode) of (\d+) vectors.*one thread: ([\d.]+) GB/s", text, re.M)
    largest = max(int(count) for _, count, _ in found)
    return {way: float(speed) for way, count, speed in found if int(count) == largest}


def best(work, rounds, size):
    if work is None:
        return None
    seconds = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return size / min(seconds[1:]) / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--vectors", type=int, default=32768)
    options = parser.parse_args()
    try:
        import numpy
    except ImportError:
        sys.exit("skipped: numpy is not installed (python3 -m pip install numpy " + " ".join(PEERS) + ")")
    x = numpy.random.default_rng(1).standard_normal((options.vectors, DIM), dtype=numpy.float32)
    first, rows = own(), []
    for name, load in PEERS.items():
        try:
            encode, decode = load()(x)
        except ImportError:
            print(f"skipped {name}: not installed (python3 -m pip install {name})")
            continue
        rows.append((name, *(best(work, options.rounds, x.nbytes) for work in (encode, decode))))
    second = own()
    ours = {way: max(first[way], second[way]) for way in first}
    print(f"{'':18} {'encode GB/s':>12} {'times':>7} {'decode GB/s':>12} {'times':>7}")
    print(f"{'dhurandhar':18} {ours['encode']:12.3f} {1:7.1f} {ours['decode']:12.3f} {1:7.1f}")
    for name, encode, decode in rows:
        cells = [(ours[way], speed) for way, speed in (("encode", encode), ("decode", decode))]
        text = [f"{s:12.3f} {o / s:7.1f}" if s else f"{'-':>12} {'-':>7}" for o, s in cells]
        print(f"{name:18} {text[0]} {text[1]}")


if __name__ == "__main__":
    main()

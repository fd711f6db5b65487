#!/usr/bin/env python3
"""Fit the speed law for language models on devices and score it.

Usage: fit_speed.py --rows published.csv --hardware hardware.csv [--check CLASSES.yaml] [--sample N]
Unless --check, writes profiles/speed/classes.yaml (coefficients), profiles/speed/unseen.csv (every row predicted by a fit without its
family of chips; _apart: the interval is made without the family, too) and core/tests/speed/predictions.csv (every row, for the other implementation to be held to). Prints the scores.
Standard library only.
--check scores an existing classes.yaml instead of writing one. --sample N prints N rows with every term.

The law (content/docs/speed.md has it in full): the time of one token is a SUM of terms, each term a product of one known
quantity (GB / GB/s, layers, GFLOP / TFLOPS) and a few positive factors. The logarithms of the factors are
fitted by iteratively reweighted least squares on |ln(measured / predicted)| (a robust, L1-like loss). Each
class factor is written group value x class deviation, and the deviation is pulled to 1 (ridge), so that a
class with few chips stays near its group. A row counts 1/sqrt(rows of its chip).
"""
import argparse, csv, math, os, re, sys
from collections import defaultdict

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NUMERIC = ("bw_gbs fp16_matrix_tflops vector_tflops int8_tops threads params_b active_b prefill_b layers moe "
           "bytes_per_tok_gb kv_gb depth prompt_len pp_tps tg_tps ttft_ms").split()

# ---------------------------------------------------------------- reading and naming

def number(text):
    return float(text) if re.fullmatch(r"-?[0-9.]+(e-?[0-9]+)?", text) else None

def read_rows(path):
    rows = []
    for r in csv.DictReader(open(path, newline="")):
        for k in NUMERIC:
            r[k] = number(r[k])
        if r["use"] == "ok":
            r["class"] = name_class(r)
            r["kind"] = (r["class"], runtime_of(r), r["backend"], r["moe"], quant_group(r["quant"]))   # "same kind of row"
            rows.append(r)
    return rows

def runtime_of(r):
    s = r["runtime"].lower()
    known = ("ik_llama", "executorch", "mnn", "litert", "openvino", "genie", "fastflow", "rkllm", "cactus", "core ai", "mlx")
    return next((key for key in known if key in s), "llama")

def name_class(r):
    c, rt = r["cls"], runtime_of(r)
    if c in ("cuda", "nv_dgpu_vulkan") and not r["fp16_matrix_tflops"]:
        return "cuda_no_matrix"
    if c == "igpu":
        return "igpu_intel" if re.search("Arc|Iris|UHD", r["chip"]) else "igpu_amd"
    if c in ("metal", "apple_phone_gpu"):
        return "metal" if rt == "llama" else "mlx"
    if c == "npu":
        return {"rkllm": "npu_rockchip", "fastflow": "npu_xdna"}.get(rt, "npu_hexagon")
    if c in ("cpu_phone", "cpu_sbc", "cpu_arm_srv"):
        return "cpu_arm"
    return {"amd_intel_dgpu": "dgpu_amd_intel", "nv_unified": "cuda_unified", "nv_dgpu_vulkan": "nv_vulkan"}.get(c, c)

GROUP = dict(cuda="gpu", cuda_no_matrix="gpu", cuda_unified="gpu", nv_vulkan="gpu", dgpu_amd_intel="gpu", igpu_intel="gpu",
             igpu_amd="gpu", metal="gpu", mlx="gpu", phone_gpu="phone", npu_rockchip="npu", npu_hexagon="npu",
             npu_xdna="npu", cpu_x86="cpu", cpu_arm="cpu", cpu_apple="cpu")
APPLE = ("metal", "mlx")                      # their own group in prefill (peak = vector, not matrix)

NV_CARDS = ("cuda", "cuda_no_matrix", "nv_vulkan")                                   # their own group in prefill, too

def pool(c):
    """The group that a class's share of the bandwidth is drawn to; NVIDIA's cards with matrix units have chips enough to stand apart."""
    return "nv" if c in ("cuda", "nv_vulkan") else GROUP[c]

def prefill_pool(c):
    return "apple" if c in APPLE else "nv" if c in NV_CARDS else GROUP[c]

NO_MATRIX = ("cuda_no_matrix", "dgpu_amd_intel")                                     # cards some of which lack matrix units
MATRIX = ("cuda", "cuda_unified", "nv_vulkan", "dgpu_amd_intel", "igpu_intel", "igpu_amd")
LOADERS = ("ik_llama", "executorch", "mnn", "litert")   # CPU runtimes with a factor of their own

def quant_group(name):
    """f16, q8, q4 (simple 4/5 bit), low (2-3 bit), k (the other K and IQ formats; the reference)."""
    n = name.upper()
    if n in ("F16", "BF16", "F32"):
        return "f16"
    if re.search(r"Q8|W8A8|INT8|MLX8", n):
        return "q8"
    if re.search(r"^Q[23]|^IQ[123]|-Q[23]_", n):
        return "low"
    if re.search(r"^Q[45]_[01]$|IQ4_NL|MXFP4|MLX4|INT4|W4A|W4-|4W8A|Q4-MNN", n):
        return "q4"
    return "k"

# ---------------------------------------------------------------- the law, as data for the fit

def decode_terms(r):
    """[(known quantity in ms, [(factor name, +1 or -1), ...]), ...]; their sum is ms per token."""
    c = r["class"]; g = GROUP[c]; q = quant_group(r["quant"]); rt = runtime_of(r)
    rf = [("dr_" + rt, 1)] if g == "cpu" and rt in LOADERS else []
    eff = [("e_" + pool(c), -1), ("e_" + c, -1)] + ([("hbm", 1)] if "HBM" in r["mem"] else [])
    qf = [("dq_" + q, 1)] if g != "cpu" and q != "k" else []
    t = [(r["bytes_per_tok_gb"] * 1000 / r["bw_gbs"], eff + qf + rf)]
    if r["kv_gb"]:
        t.append((r["kv_gb"] * 1000 / r["bw_gbs"], eff + [("k_" + g, 1)] + rf))
    t.append((r["layers"], [("b_" + g, 1), ("b_" + c, 1)] + rf))
    if r["moe"]:                                # the router and the gathering of experts: a time for each layer, not a share of it
        t.append((r["layers"], [("moe_layer", 1)] + rf))
    v = r["vector_tflops"]
    if g == "cpu":
        t.append((2 * r["active_b"] / v, [("vs_cpu", -1)] + ([("vq_" + q, -1)] if q != "k" else []) + rf))
        t.append((r["bytes_per_tok_gb"] / v, [("load_cpu", -1)] + rf))
    elif v and c in NO_MATRIX and not r["fp16_matrix_tflops"]:
        t.append((2 * r["active_b"] / v, [("vs_gpu", -1)]))
    elif v and c in MATRIX:                     # one token fills no matrix unit: its products run on the vector units
        t.append((2 * r["active_b"] / v, [("vs_matrix", -1)]))
    if g == "npu":
        t.append((r["bytes_per_tok_gb"] * 1000, [("fabric", -1)]))
    if g == "gpu":                              # to hand a token over and to choose the next, whatever the model
        t.append((1.0, [("token_gpu", 1)]))
    return t

BATCH, FLOOR_SHARE, FLOOR_LAYER_MS, GQA = 2048, 0.8, 0.1, 8     # fixed, not fitted

def prefill_peak(r):
    g = GROUP[r["class"]]
    if g == "npu":
        return r["int8_tops"]
    if g == "gpu" and r["class"] not in APPLE and r["fp16_matrix_tflops"]:
        return r["fp16_matrix_tflops"]
    if g == "cpu" and r["int8_tops"] and r["vector_tflops"] and quant_group(r["quant"]) != "f16":
        return math.sqrt(r["vector_tflops"] * r["int8_tops"] / 4)   # quantised weights use the INT8 dot products in part
    return r["vector_tflops"]

ATTENTION_LIKE = {"dgpu_amd_intel": "igpu_amd"}      # the same HIP / Vulkan kernels, and deep rows only of the iGPU
EXPONENT = {"cuda_no_matrix": 0.7, "nv_vulkan": 0.7}             # fixed, not fitted; 1 for the others

def usable_peak(c, peak):
    """Some classes of NVIDIA's cards: bigger chips reach a smaller share of the paper peak (power, launch): 100 TFLOPS x (peak/100)^0.7."""
    return 100 * (peak / 100) ** EXPONENT.get(c, 1)

def prefill_start(r):
    """Tokens already in the cache. In the rows, depth ~ prompt_len means that the prompt itself was the depth."""
    return 0.0 if r["depth"] <= 1.05 * (r["prompt_len"] or 512) else r["depth"]

def prefill_known(r):
    """GFLOP of the weights, GFLOP of attention, floor in ms; all per prompt token."""
    n = r["prompt_len"] or 512
    batch, ctx, P, L = min(n, BATCH), prefill_start(r) + n / 2, r["prefill_b"], r["layers"]
    width = math.sqrt(P * 1e9 / (12 * L))                       # estimate of the hidden size
    att = 4 * width * L * ctx / 1e9
    if r["kv_gb"] and r["depth"]:                               # windows and hybrid layers: KV bytes know better
        att = min(att, GQA * r["kv_gb"] / r["depth"] * ctx)
    total = r["bytes_per_tok_gb"] * (r["params_b"] / r["active_b"] if r["moe"] else 1)
    return 2 * P, att, (total * 1000 / (FLOOR_SHARE * r["bw_gbs"]) + FLOOR_LAYER_MS * L) / batch

def prefill_terms(r):
    c = r["class"]; g = "apple" if c in APPLE else GROUP[c]; q = quant_group(r["quant"]); rt = runtime_of(r)
    w, att, floor = prefill_known(r); peak = usable_peak(c, prefill_peak(r))
    u = [("u_" + prefill_pool(c), -1), ("u_" + c, -1)]
    rf = [("pr_" + rt, 1)] if g == "cpu" and rt in LOADERS else []
    qf = [("pq_" + q, 1)] if g == "cpu" and q != "k" and rt != "ik_llama" else []
    return [(w / peak, u + qf + rf + ([("moe_prefill", 1)] if r["moe"] else [])), (att / peak, u + [("a_" + g, 1), ("a_" + ATTENTION_LIKE.get(c, c), 1)]),
            (floor, rf)]

def prior(name):
    """(typical value, pull towards it). The pull counts like that many rows of weight one."""
    fixed = dict(e_gpu=(.92, 80), e_nv=(.92, 80), e_phone=(.6, .3), e_npu=(.9, 30), e_cpu=(.8, .3), b_gpu=(.1, .3), b_phone=(.2, .3), b_npu=(.4, .3),
                 b_cpu=(.1, .3), k_gpu=(1.2, 1), k_phone=(1.2, 1), k_npu=(1.2, 1), k_cpu=(3, 5), moe_layer=(.06, .3), hbm=(1.5, .5),
                 vs_cpu=(.6, .3), vs_gpu=(.2, .3), vs_matrix=(.3, 3), token_gpu=(.3, .3), load_cpu=(.3, .3), fabric=(60, .3), u_gpu=(.37, .3), u_nv=(.45, .3), u_apple=(.62, .3), u_phone=(.2, .3),
                 u_npu=(.3, .3), u_cpu=(.8, .3), moe_prefill=(1.4, 1), a_gpu=(3, 5), a_apple=(1.5, 1), a_phone=(1.5, 1), a_npu=(1.5, 1),
                 a_cpu=(1.5, 1))
    if name in fixed:
        return fixed[name]
    kind, rest = name.split("_", 1)
    cpu = GROUP.get(rest) == "cpu"
    return (1.0, {"e": 3 if cpu else 60, "b": 1 if cpu else 20, "dr": 3, "dq": 10, "vq": 3, "u": 25, "a": .5, "pr": 1, "pq": 5}[kind])

# ---------------------------------------------------------------- the fit
def solve(A, b):
    """Elimination without pivots: the matrix is positive definite, the pulls make it so."""
    n = len(b); M = [A[i] + [b[i]] for i in range(n)]
    for i in range(n):
        pivot = M[i][i]; tail = M[i][i:]
        for k in range(i + 1, n):
            if M[k][i]:
                f = M[k][i] / pivot; M[k][i:] = [x - f * y for x, y in zip(M[k][i:], tail)]
    x = [0.0] * n
    for i in range(n - 1, -1, -1):
        x[i] = (M[i][n] - sum(map(lambda p, q: p * q, M[i][i + 1:n], x[i + 1:]))) / M[i][i]
    return x

def term_value(term, P):
    return term[0] * math.exp(sum(s * P[n] for n, s in term[1]))

def fit(data, names, rounds=25, start=None):
    """data: [(measured ms, weight, terms)]. Returns {factor name: log value}."""
    ix = {n: i for i, n in enumerate(names)}; N = len(names)
    target = [(math.log(prior(n)[0]), prior(n)[1]) for n in names]
    P = [start[n] for n in names] if start else [t for t, _ in target]
    data = [(math.log(y), w, [(known, [(ix[n], s) for n, s in fs]) for known, fs in terms]) for y, w, terms in data]
    for _ in range(rounds):
        A = [[0.0] * N for _ in range(N)]; b = [0.0] * N
        for log_y, w, terms in data:
            values = [known * math.exp(sum([s * P[i] for i, s in fs])) for known, fs in terms]; total = sum(values); grad = {}
            for v, (_, fs) in zip(values, terms):
                for i, s in fs:
                    grad[i] = grad.get(i, 0.0) + s * v / total
            res = log_y - math.log(total); ww = w / max(abs(res), 0.06)      # L1 beyond 6 %
            grad = list(grad.items())
            for i, gi in grad:
                b[i] += ww * gi * res; row = A[i]; gi *= ww
                for j, gj in grad:
                    row[j] += gi * gj
        for i in range(N):
            A[i][i] += target[i][1] + 1e-9; b[i] += target[i][1] * (target[i][0] - P[i])
        step = [max(-0.5, min(0.5, d)) for d in solve(A, b)]
        P = [p + d for p, d in zip(P, step)]
        if max(map(abs, step)) < 1e-4:
            break
    return dict(zip(names, P))

class Law:
    """One of the two laws: how to get its rows, its measured ms per token and its terms."""
    def __init__(self, name, rows, speed, terms):
        self.name, self.speed, self.terms_of = name, speed, terms
        self.rows = [r for r in rows if r[speed] and (speed == "tg_tps" or r["pp_use"] == "ok")]
        self.names = sorted({n for r in self.rows for _, fs in terms(r) for n, _ in fs} | {n for n in ALWAYS[name]})

    def fit(self, rows, rounds=25, start=None):
        count = defaultdict(int)
        for r in rows:
            count[r["chip"]] += 1
        return fit([(1000 / r[self.speed], count[r["chip"]] ** -0.5, self.terms_of(r)) for r in rows], self.names, rounds, start)

    def predict(self, r, P):
        return 1000 / sum(term_value(t, P) for t in self.terms_of(r))

    def cross(self, start):
        """Predict every row from a fit on role=train rows of all other chip families; start: the fit with them."""
        out = {}
        train = [r for r in self.rows if r["role"] == "train"]
        for f in sorted({r["family"] for r in self.rows}):
            P = self.fit([r for r in train if r["family"] != f], 15, start)
            out.update((r["row_id"], self.predict(r, P)) for r in self.rows if r["family"] == f)
        return out
CLASSES = list(GROUP)
ALWAYS = {"decode": ["e_" + c for c in CLASSES] + ["b_" + c for c in CLASSES] + [k + g for k in ("e_", "b_", "k_") for g in ("gpu", "phone", "npu", "cpu")]
          + ["e_nv"] + ["dq_" + q for q in ("f16", "q8", "q4", "low")] + ["vq_" + q for q in ("f16", "q8", "q4", "low")] + ["dr_" + t for t in LOADERS]
          + ["hbm", "moe_layer", "vs_cpu", "vs_gpu", "vs_matrix", "token_gpu", "load_cpu", "fabric"],
          "prefill": ["u_" + c for c in CLASSES] + ["a_" + c for c in CLASSES] + [k + g for k in ("u_", "a_") for g in ("gpu", "apple", "phone", "npu", "cpu")] + ["u_nv"]
          + ["pq_" + q for q in ("f16", "q8", "q4", "low")] + ["pr_" + t for t in LOADERS] + ["moe_prefill"]}

# ---------------------------------------------------------------- intervals
def quantile(pairs, q):
    """Weighted quantile of [(value, weight)], linear between the mid-points of the weights."""
    s = sorted(pairs); total = sum(w for _, w in s); acc = 0.0; last = None
    for v, w in s:
        mid = (acc + w / 2) / total
        if mid >= q:
            return v if last is None else last[0] + (v - last[0]) * (q - last[1]) / (mid - last[1])
        last = (v, mid); acc += w
    return s[-1][0]

ENOUGH_ROWS, ENOUGH_CHIPS, MOST_OF_ONE_CHIP = 12, 3, 0.9
POOL_FAMILIES, SYMMETRIC_FAMILIES, COVERAGE, WIDER, LEAST = 3, 3, 0.9, 1.4, 0.05

class Residuals:
    """Log deviations of unseen rows, [(row, deviation, weight)], and from them the interval of every class.

    Shape: the 5 % and 95 % points, a chip by the root of its rows; where families are few, drawn to the 90 % point
    of the deviations without sign (SYMMETRIC_FAMILIES count for it), then to the group and to all (POOL_FAMILIES).
    Width: with rows enough, stretched or narrowed until COVERAGE of the class's rows lie inside (a conformal
    quantile); else so wide that COVERAGE of what rows there are lie inside, never narrower than the shape, times WIDER. After a calibration no end
    lies further out than before it (within: the residuals before), nor further in after a row of another kind than
    after one of the same (around: those)."""
    def __init__(self, res, within=None, around=None):
        count = defaultdict(float)
        for r, _, w in res:
            count[r["chip"], r["class"]] += w
        self.data = sorted(((x, w, w * count[r["chip"], r["class"]] ** -0.5, r["class"], r["family"], r["chip"], r["row_id"]) for r, x, w in res),
                           key=lambda d: (d[0], d[6]))
        self.without_, self.within, self.around = {}, within, around

    def tails(self, data):
        if not data:
            return (0.0, 0.0), 0
        n = len({d[4] for d in data}); own = n / (n + SYMMETRIC_FAMILIES)
        either = quantile([(abs(d[0]), d[2]) for d in data], .9); signed = [(d[0], d[2]) for d in data]
        return (own * quantile(signed, .05) - (1 - own) * either, own * quantile(signed, .95) + (1 - own) * either), n

    def intervals(self, skip_family=None):
        """{class: (low, high, it has rows enough)}; without the rows of a family of chips."""
        if skip_family in self.without_:
            return self.without_[skip_family]
        data = [d for d in self.data if d[4] != skip_family]; by_class, by_group = defaultdict(list), defaultdict(list)
        for d in data:
            by_class[d[3]].append(d); by_group[GROUP[d[3]]].append(d)
        def mix(own, n, wide):
            return tuple((n * o + POOL_FAMILIES * w) / (n + POOL_FAMILIES) for o, w in zip(own, wide))
        all_ = self.tails(data)[0]; group = {g: mix(*self.tails(by_group[g]), all_) for g in set(GROUP.values())}; out = {}
        for c in CLASSES:
            own = by_class[c]; low, high = mix(*self.tails(own), group[GROUP[c]])
            low, high = min(low, -LEAST), max(high, LEAST)
            chips = defaultdict(set)
            for d in own:
                chips[d[5]].add(d[6])
            rows = sum(map(len, chips.values()))
            enough = rows >= ENOUGH_ROWS and len(chips) >= ENOUGH_CHIPS and max(map(len, chips.values())) <= MOST_OF_ONE_CHIP * rows
            reach = quantile([(max(d[0] / high, d[0] / low), d[1]) for d in own], COVERAGE) if own else 1.0
            f = reach if enough else WIDER * max(1.0, reach)
            low, high = f * low, f * high
            if self.around:
                same = self.around.intervals(skip_family)[c]; low, high = min(low, same[0]), max(high, same[1])
            if self.within:
                before = self.within.intervals(skip_family)[c]; low, high = max(low, before[0]), min(high, before[1])
            out[c] = (low, high, enough)
        self.without_[skip_family] = out
        return out

    def held(self, bands):
        """Weight of the rows inside: {class: (inside, all)}. bands: function of a family."""
        out = defaultdict(lambda: [0.0, 0.0])
        for x, w, _, c, f, _, _ in self.data:
            low, high, _ = bands(f)[c]
            out[c][0] += w * (low <= x <= high); out[c][1] += w
        return out

def pairs_of_a_chip(law, ln, same):
    """Every row with every other row of its chip, of the same kind or of another: [(row, its deviation, the other's, weight)]."""
    by = defaultdict(list)
    for r in law.rows:
        by[r["chip"]].append(r)
    out = []
    for rs in by.values():
        for r in rs:
            others = [o for o in rs if o is not r and (o["kind"] == r["kind"]) == same]
            out += [(r, ln[r["row_id"]], ln[o["row_id"]], 1 / len(others)) for o in others]
    return out

def share_of(pairs):
    """The share of the other row's log deviation that is taken over, in tenths: the one that leaves the least mean deviation,
    a chip by the root of its rows."""
    count = defaultdict(float)
    for r, _, _, w in pairs:
        count[r["chip"]] += w
    return min((t / 10 for t in range(11)), key=lambda s: sum(w * count[r["chip"]] ** -0.5 * abs(x - s * y) for r, x, y, w in pairs))

# ---------------------------------------------------------------- classes.yaml
def sig(x):
    return float("%.4g" % x)

def coefficients(laws, P, residuals, cal, shares, hardware):
    d, p = P["decode"], P["prefill"]; ex = math.exp; C = {"decode": [], "prefill": [], "quants": [], "runtimes": [], "shared": [], "peak_fallback": []}
    def counts(law, c):
        rs = [r for r in laws[law].rows if r["class"] == c and r["role"] == "train"]
        return dict(rows=len(rs), chips=len({r["chip"] for r in rs}), families=len({r["family"] for r in rs}))
    def counted(law):
        own, held, apart = residuals[law].intervals(), residuals[law].held(lambda f: residuals[law].intervals()), residuals[law].held(residuals[law].intervals)
        after = {k: cal[law, k].intervals() for k in ("same", "other")}
        def band(c):
            rows, inside, inside_apart = (int(round(x)) for x in (held[c][1], held[c][0], apart[c][0]))
            return dict(log_low=round(own[c][0], 4), log_high=round(own[c][1], 4), unseen_rows=rows, held=inside, held_apart=inside_apart,
                        unseen_chips=len({r["chip"] for r in laws[law].rows if r["class"] == c}), width_from="class" if own[c][2] else "pool",
                        **{"cal_%s_log_%s" % (k, e): round(after[k][c][i], 4) for k in after for i, e in enumerate(("low", "high"))})
        return band
    band = {law: counted(law) for law in laws}
    for c in CLASSES:
        g = GROUP[c]; pg = "apple" if c in APPLE else g
        C["decode"].append(dict({"class": c, "group": g, "bandwidth_share": sig(ex(d["e_" + pool(c)] + d["e_" + c])), "layer_ms": sig(ex(d["b_" + g] + d["b_" + c])),
            "kv_factor": sig(ex(d["k_" + g])), "vector_share": sig(ex(d["vs_cpu"]) if g == "cpu" else ex(d["vs_gpu"]) if c in NO_MATRIX else 0),
            "vector_share_with_matrix": sig(ex(d["vs_matrix"]) if c in MATRIX else 0),
            "load_bytes_per_flop": sig(ex(d["load_cpu"]) if g == "cpu" else 0), "fabric_gbs": sig(ex(d["fabric"]) if g == "npu" else 0),
            "token_ms": sig(ex(d["token_gpu"]) if g == "gpu" else 0)}, **counts("decode", c), **band["decode"](c)))
        C["prefill"].append(dict({"class": c, "peak": "int8_tops" if g == "npu" else "fp16_matrix_else_vector_tflops" if pg == "gpu" else "vector_and_int8" if g == "cpu" else "vector_tflops",
            "peak_exponent": EXPONENT.get(c, 1), "peak_share": sig(ex(p["u_" + prefill_pool(c)] + p["u_" + c])), "attention_factor": sig(ex(p["a_" + pg] + p["a_" + ATTENTION_LIKE.get(c, c)]))}, **counts("prefill", c), **band["prefill"](c)))
    for q in ("k", "f16", "q8", "q4", "low"):
        val = lambda P_, n: sig(ex(P_[n])) if q != "k" else 1.0
        C["quants"].append({"quant_group": q, "weight_time_factor": val(d, "dq_" + q), "cpu_vector_share_factor": val(d, "vq_" + q), "cpu_prefill_time_factor": val(p, "pq_" + q)})
    for t in LOADERS:
        C["runtimes"].append({"runtime": t, "only_group": "cpu", "decode_time_factor": sig(ex(d["dr_" + t])), "prefill_time_factor": sig(ex(p["pr_" + t]))})
    C["shared"].append({"hbm_time_factor": sig(ex(d["hbm"])), "moe_layer_ms": sig(ex(d["moe_layer"])), "moe_prefill_factor": sig(ex(p["moe_prefill"])),
        "batch_tokens": BATCH, "floor_bandwidth_share": FLOOR_SHARE, "floor_layer_ms": FLOOR_LAYER_MS, "attention_flop_per_kv_byte": GQA, **{"%s_calibration_share_%s" % (l, k): shares[l, k] for l in laws for k in ("same", "other")}})
    for kind, col in (("dgpu", "fp16_matrix_tflops"), ("igpu", "fp16_matrix_tflops"), ("nv_unified", "fp16_matrix_tflops"), ("apple_gpu", "vector_tflops"),
                      ("phone_gpu", "vector_tflops"), ("cpu_x86", "vector_tflops"), ("cpu_arm", "vector_tflops"), ("phone_cpu", "vector_tflops"), ("npu", "int8_tops")):
        v = [math.log(float(h[col]) / float(h["bw"])) for h in hardware if h["kind"] == kind and number(h[col]) and number(h["bw"])]
        m = median(v)
        C["peak_fallback"].append({"chip_kind": kind, "peak": col, "tera_per_gbs": sig(ex(m)), "log_sigma": round(math.sqrt(sum((x - m) ** 2 for x in v) / len(v)), 3), "chips": len(v)})
    return C

def write_yaml(C, path):
    with open(path, "w") as f:
        f.write("# Coefficients of the speed law (content/docs/speed.md), written by fit_speed.py from role=train rows. 0 in a term's key = the class has no such term.\n"
                "# log_low/log_high: interval, speed x exp(log). unseen_rows: published rows, each predicted by a fit without its family of chips; held: those inside\n"
                "# the interval; held_apart: those inside an interval that is made without the family, too. width_from: class = so wide that nine of ten of the class's\n"
                "# unseen rows lie inside; pool = too few rows or chips, drawn to other classes and widened. cal_same_*, cal_other_*: after calibration with a row.\n")
        for section, items in C.items():
            f.write(section + ":\n")
            for it in items:
                f.write("".join(("  - " if i == 0 else "    ") + "%s: %s\n" % kv for i, kv in enumerate(it.items())))

def read_yaml(path):
    C, cur = {}, None
    for line in open(path):
        line = line.split("#")[0].rstrip()
        if line and not line.startswith(" "):
            cur = C.setdefault(line[:-1], [])
        elif line:
            if line.startswith("  - "):
                cur.append({})
            k, v = line[4:].split(": ")
            cur[-1][k] = v if number(v) is None else number(v)
    return C

def tables(C):
    return ({x["class"]: x for x in C["decode"]}, {x["class"]: x for x in C["prefill"]}, {x["quant_group"]: x for x in C["quants"]},
            {x["runtime"]: x for x in C["runtimes"]}, C["shared"][0])

# ---------------------------------------------------------------- the law, plainly, from classes.yaml

def decode_parts(r, C):
    D, _, Q, R, S = tables(C); k = D[r["class"]]; q = Q[quant_group(r["quant"])]; cpu = k["group"] == "cpu"
    eff = k["bandwidth_share"] * r["bw_gbs"] / (S["hbm_time_factor"] if "HBM" in r["mem"] else 1)
    W, v = r["bytes_per_tok_gb"], r["vector_tflops"]
    parts = {"weights": W * 1000 / eff * (1 if cpu else q["weight_time_factor"]), "kv": k["kv_factor"] * r["kv_gb"] * 1000 / eff,
             "layers": r["layers"] * (k["layer_ms"] + (S["moe_layer_ms"] if r["moe"] else 0)), "vector": 0.0}
    plain = k["vector_share"] and (cpu or not r["fp16_matrix_tflops"])
    share = (k["vector_share"] if plain else k["vector_share_with_matrix"]) * (q["cpu_vector_share_factor"] if cpu else 1)
    if share and v:
        parts["vector"] = 2 * r["active_b"] / (share * v)
    parts["load"] = W / (k["load_bytes_per_flop"] * v) if k["load_bytes_per_flop"] and v else 0.0
    parts["fabric"] = W * 1000 / k["fabric_gbs"] if k["fabric_gbs"] else 0.0
    parts["token"] = k["token_ms"]
    f = R[runtime_of(r)]["decode_time_factor"] if cpu and runtime_of(r) in R else 1
    return {n: x * f for n, x in parts.items()}, k

def prefill_parts(r, C):
    _, F, Q, R, S = tables(C); k = F[r["class"]]; cpu = GROUP[r["class"]] == "cpu"; rt = runtime_of(r)
    w, att, floor = prefill_known(r); usable = k["peak_share"] * 100 * (prefill_peak(r) / 100) ** k["peak_exponent"]
    f = R[rt]["prefill_time_factor"] if cpu and rt in R else 1
    q = Q[quant_group(r["quant"])]["cpu_prefill_time_factor"] if cpu and rt != "ik_llama" else 1
    return {"weights": w / usable * q * f * (S["moe_prefill_factor"] if r["moe"] else 1), "attention": att / usable * k["attention_factor"], "floor": floor * f}, k

def answer(parts_band):
    parts, k = parts_band; s = 1000 / sum(parts.values())
    return s, s * math.exp(k["log_low"]), s * math.exp(k["log_high"])

# ---------------------------------------------------------------- scores
def median(v):
    return quantile([(x, 1) for x in v], .5)

def is_short(r):
    return not r["moe"] and (r["prompt_len"] or 512) <= 1024 and prefill_start(r) == 0

def line(label, rows, ln, bands=None, apart=None):
    """ln: {row_id: ln(measured/predicted)}; bands, apart: {row_id: (low, high)}, with and without the residuals of the row's family."""
    e = [abs(math.exp(-ln[r["row_id"]]) - 1) for r in rows]; by = defaultdict(list)
    if not e:
        return
    for r in rows:
        by[r["chip"]].append(r)
    chip = [median([abs(math.exp(-ln[r["row_id"]]) - 1) for r in rs]) for rs in by.values()]
    text = "  %-34s rows %3d chips %2d | median %5.1f %%  within 30 %% %3.0f %%  within x2 %3.0f %% | by chip: median %5.1f %%" % (
        label, len(e), len(by), 100 * median(e), 100 * sum(x <= .3 for x in e) / len(e), 100 * sum(abs(ln[r["row_id"]]) <= math.log(2) for r in rows) / len(e), 100 * median(chip))
    for name, b in (("interval holds", bands), ("made without the family", apart)):
        if b:
            hold = [b[r["row_id"]][0] <= ln[r["row_id"]] <= b[r["row_id"]][1] for r in rows]
            ch = [(median([b[r["row_id"]][0] for r in rs]) <= median([ln[r["row_id"]] for r in rs]) <= median([b[r["row_id"]][1] for r in rs])) for rs in by.values()]
            text += " | %s: rows %3.0f %% chips %3.0f %%" % (name, 100 * sum(hold) / len(hold), 100 * sum(ch) / len(ch))
    print(text)

def report(law, ln_in, ln_lo, residuals):
    rows = law.rows; own = residuals.intervals(); written = {r["row_id"]: own[r["class"]] for r in rows}
    apart = {r["row_id"]: residuals.intervals(r["family"])[r["class"]] for r in rows}
    train = [r for r in rows if r["role"] == "train"]; hold = [r for r in rows if r["role"] != "train"]
    print("\n" + law.name.upper())
    line("in sample, train", train, ln_in, written); line("in sample, model holdout", hold, ln_in, written)
    def unseen(label, rs):
        line(label, rs, ln_lo, written, apart)
    unseen("leave family out, train", train); unseen("leave family out, model holdout", hold); unseen("leave family out, all", rows)
    if law.name == "prefill":
        unseen("  .. dense, short, train", [r for r in train if is_short(r)]); unseen("  .. dense, short, all", [r for r in rows if is_short(r)])
        unseen("  .. MoE", [r for r in rows if r["moe"]]); unseen("  .. dense, deep or long", [r for r in rows if not r["moe"] and not is_short(r)])
    else:
        unseen("  .. below 1 GB of weights", [r for r in rows if r["bytes_per_tok_gb"] < 1])
    for g in ("gpu", "phone", "npu", "cpu"):
        unseen("leave family out, group " + g, [r for r in rows if GROUP[r["class"]] == g])
    for c in CLASSES:
        unseen("  class " + c + ("" if own[c][2] else " (few)"), [r for r in rows if r["class"] == c])

def report_calibrated(law, cal, share, label):
    own, apart = cal.held(lambda f: cal.intervals()), cal.held(cal.intervals)
    print("  one calibration row of the chip (%s, %s; %.0f %% of its deviation taken over), averaged over all choices:" % (law.name, label, 100 * share))
    for g in ("all", "gpu", "phone", "npu", "cpu"):
        p = [d for d in cal.data if g in ("all", GROUP[d[3]])]
        chips = defaultdict(list)
        for d in p:
            chips[d[5]].append((abs(math.exp(-d[0]) - 1), d[1]))
        if p:
            cs = [c for c in CLASSES if g in ("all", GROUP[c])]; total = sum(own[c][1] for c in cs)
            print("    %-6s rows %4.0f | median by row %5.1f %%  by chip %5.1f %% | interval holds %3.0f %%, made without the family %3.0f %%" % (g, total,
                  100 * quantile([(abs(math.exp(-d[0]) - 1), d[1]) for d in p], .5), 100 * median([quantile(v, .5) for v in chips.values()]),
                  100 * sum(own[c][0] for c in cs) / total, 100 * sum(apart[c][0] for c in cs) / total))

def main():
    ap = argparse.ArgumentParser(); ap.add_argument("--rows", required=True); ap.add_argument("--hardware", required=True)
    ap.add_argument("--check"); ap.add_argument("--sample", type=int, default=0); a = ap.parse_args()
    rows = read_rows(a.rows); hardware = list(csv.DictReader(open(a.hardware, newline="")))
    laws = {"decode": Law("decode", rows, "tg_tps", decode_terms), "prefill": Law("prefill", rows, "pp_tps", prefill_terms)}
    P, unseen, residuals, cal, shares = {}, {}, {}, {}, {}
    for name, law in laws.items():
        P[name] = law.fit([r for r in law.rows if r["role"] == "train"]); lo = law.cross(P[name])
        unseen[name] = ln = {r["row_id"]: math.log(r[law.speed] / lo[r["row_id"]]) for r in law.rows}
        residuals[name] = Residuals([(r, ln[r["row_id"]], 1.0) for r in law.rows])
        for k in ("same", "other"):
            pairs = pairs_of_a_chip(law, ln, k == "same"); shares[name, k] = share = share_of(pairs)
            cal[name, k] = Residuals([(r, x - share * y, w) for r, x, y, w in pairs], residuals[name], cal.get((name, "same")))
    C = read_yaml(a.check) if a.check else coefficients(laws, P, residuals, cal, shares, hardware)
    if not a.check:
        path = os.path.join(ROOT, "profiles/speed/classes.yaml"); write_yaml(C, path); C = read_yaml(path)
    parts = {"decode": decode_parts, "prefill": prefill_parts}
    for name, law in laws.items():
        got = {r["row_id"]: answer(parts[name](r, C)) for r in law.rows}
        ln_in = {i: math.log(r[law.speed] / got[i][0]) for r in law.rows for i in [r["row_id"]]}
        if not a.check:
            worst = max(abs(math.log(got[r["row_id"]][0] / law.predict(r, P[name]))) for r in law.rows); assert worst < 2e-3, worst
        report(law, ln_in, unseen[name], residuals[name])
        for k in ("same", "other"):
            report_calibrated(law, cal[name, k], shares[name, k], "row of %s kind" % ("the same" if k == "same" else "another"))
    tt = [(r, r["prompt_len"] / answer(prefill_parts(r, C))[0] * 1000 + 1000 / answer(decode_parts(r, C))[0]) for r in rows
          if r["ttft_ms"] and r["pp_use"] != "cached_prompt" and r["prompt_len"] and prefill_peak(r)]
    print("\nTIME TO FIRST TOKEN: rows %d, in-sample median error %.1f %%" % (len(tt), 100 * median([abs(t / r["ttft_ms"] - 1) for r, t in tt])))
    if not a.check:
        with open(os.path.join(ROOT, "profiles/speed/unseen.csv"), "w", newline="") as f:
            w = csv.writer(f, lineterminator="\n"); w.writerow("row_id tg_tps tg_low tg_high pp_tps pp_low pp_high tg_low_apart tg_high_apart pp_low_apart pp_high_apart".split())
            for r in rows:
                cells, more = [r["row_id"]], []
                for name, law in laws.items():
                    got = r[law.speed] / math.exp(unseen[name][r["row_id"]]) if r["row_id"] in unseen[name] else None
                    own, apart = (residuals[name].intervals(f)[r["class"]][:2] for f in (None, r["family"]))
                    text = ["%.6g" % (got * math.exp(x)) for x in (0,) + own + apart] if got else [""] * 5
                    cells += text[:3]; more += text[3:]
                w.writerow(cells + more)
        with open(os.path.join(ROOT, "core/tests/speed/predictions.csv"), "w", newline="") as f:
            w = csv.writer(f, lineterminator="\n"); w.writerow("row_id class prefill_class quant_group runtime_group tg_tps tg_low tg_high pp_tps pp_low pp_high".split())
            for r in rows:
                tg = answer(decode_parts(r, C)); pp = answer(prefill_parts(r, C)) if prefill_peak(r) else ("", "", "")
                w.writerow([r["row_id"], r["class"], r["class"], quant_group(r["quant"]), runtime_of(r)] + ["%.6g" % x for x in tg] + ["%.6g" % x if x != "" else "" for x in pp])
    for r in rows[:: max(1, len(rows) // a.sample)][: a.sample] if a.sample else []:
        print("\n%s %s %s %s (%s)" % (r["row_id"], r["chip"], r["model"], r["quant"], r["class"]))
        print("  decode  ms", {k: round(v, 4) for k, v in decode_parts(r, C)[0].items()}, "-> %.4g [%.4g, %.4g] tok/s, measured %s" % (answer(decode_parts(r, C)) + (r["tg_tps"],)))
        if prefill_peak(r):
            print("  prefill ms", {k: round(v, 5) for k, v in prefill_parts(r, C)[0].items()}, "-> %.4g [%.4g, %.4g] tok/s, measured %s" % (answer(prefill_parts(r, C)) + (r["pp_tps"],)))

if __name__ == "__main__":
    main()

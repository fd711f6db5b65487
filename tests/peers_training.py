#!/usr/bin/env python3
"""Sets `train-lora` beside PyTorch and PEFT: SmolLM2-135M, rank 16 on all seven projections, f32, one sequence a step.

Usage: tests/peers_training.py SmolLM2-135M-Instruct.Q4_1.gguf --program target/release/dhurandhar [--rounds 3]
(pip install torch transformers peft gguf safetensors). The weights are decoded to f32 once, into --folder, and both
programs train on that copy: same text, same length, same threads, no dropout, PyTorch's SDPA attention. Each run is a
process of its own and the runs alternate. A step's time is the median over the steps after the first and the best of
the rounds, the peak is the largest resident set that the system saw. Exits 1 when a bar is missed.
"""
import argparse, json, os, statistics, subprocess, sys, tempfile, time

STEPS = 6
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
TEXT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures", "text.txt")
OURS = {"full tape, f32": ["quantization.load_in_4bit=false", "training.gradient_checkpointing=false"],
        "layer by layer, f32": ["quantization.load_in_4bit=false"],
        "layer by layer, NF4 (default)": []}
PEER = "PyTorch + PEFT"


def prepare(gguf, folder):
    """The checkpoint as f32 safetensors, in the layout that both programs read."""
    if os.path.exists(os.path.join(folder, "model.safetensors")):
        return
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where, name = os.path.split(os.path.abspath(gguf))
    decoded = AutoModelForCausalLM.from_pretrained(where, gguf_file=name, dtype=torch.float32)
    # A model that came from GGUF refuses to be saved; one of the same shape does not.
    shape = decoded.config
    if hasattr(shape, "quantization_config"):
        del shape.quantization_config
    plain = AutoModelForCausalLM.from_config(shape, dtype=torch.float32)
    plain.load_state_dict(decoded.state_dict())
    plain.save_pretrained(folder)
    AutoTokenizer.from_pretrained(where, gguf_file=name).save_pretrained(folder)


def peer(folder, tokens, threads):
    """One run of PyTorch and PEFT, in this process."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    ids = AutoTokenizer.from_pretrained(folder)(open(TEXT, encoding="utf-8").read())["input_ids"]
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model = get_peft_model(base, LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules=TARGETS))
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-3, weight_decay=0.0)
    for step in range(STEPS):
        started = time.perf_counter()
        batch = torch.tensor([ids[step * tokens:(step + 1) * tokens]])
        loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        value = loss.item()
        print(json.dumps({"loss": value, "seconds": time.perf_counter() - started}), flush=True)


def run(command, environment):
    """Wait for a process; gives its standard output and its largest resident set in MiB."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(command, env=environment, stdout=out, stderr=err)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = status
        if status:
            err.seek(0)
            sys.exit(f"{command[0]} failed: {err.read().decode()[-2000:]}")
        out.seek(0)
        return out.read().decode(), usage.ru_maxrss / 1024


def rows(text):
    return [row for row in map(json.loads, text.splitlines()) if "seconds" in row]


def ours(arguments, settings, environment):
    with tempfile.TemporaryDirectory() as out:
        common = ["lora.dropout=0", "eval_fraction=0", "overlong=error", "training.gradient_accumulation_steps=1",
                  f"training.max_seq_length={arguments.tokens}", "training.per_device_train_batch_size=1",
                  "training.warmup_steps=0", "training.save_steps=0", "training.learning_rate=1e-3"]
        command = [arguments.program, "train-lora", "--checkpoint", arguments.folder, "--data", TEXT, "--out", out,
                   "--backend", "cpu", "--max-steps", str(STEPS)]
        for setting in common + settings:
            command += ["--set", setting]
        _, peak = run(command, environment)
        with open(os.path.join(out, "metrics.jsonl"), encoding="utf-8") as file:
            return rows(file.read()), peak


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gguf", nargs="?")
    parser.add_argument("--program", default="target/release/dhurandhar")
    parser.add_argument("--folder", default=os.path.join(tempfile.gettempdir(), "smollm2-135m-f32"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--as-peer", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.as_peer:
        return peer(arguments.folder, arguments.tokens, arguments.threads)
    if arguments.prepare:
        return prepare(arguments.gguf, arguments.folder)
    if arguments.gguf:
        # In a process of its own: a child's peak begins at the size of the process that it was forked from.
        subprocess.run([sys.executable, os.path.abspath(__file__), arguments.gguf, "--folder", arguments.folder,
                        "--prepare"], check=True, stderr=subprocess.DEVNULL)
    environment = {**os.environ, "RAYON_NUM_THREADS": str(arguments.threads), "OMP_NUM_THREADS": str(arguments.threads)}
    found = {}
    for _ in range(arguments.rounds):
        for name in [PEER, *OURS]:
            if name == PEER:
                command = [sys.executable, os.path.abspath(__file__), "--as-peer", "--folder", arguments.folder,
                           "--tokens", str(arguments.tokens), "--threads", str(arguments.threads)]
                text, peak = run(command, environment)
                steps = rows(text)
            else:
                steps, peak = ours(arguments, OURS[name], environment)
            seconds = statistics.median(row["seconds"] for row in steps[1:])
            best = found.setdefault(name, {"seconds": seconds, "peak": 0.0, "loss": steps[0]["loss"]})
            best["seconds"], best["peak"] = min(best["seconds"], seconds), max(best["peak"], peak)
    print(f"{'':32}{'s a step':>9}{'tok/s':>8}{'peak MiB':>10}{'first loss':>12}")
    for name, best in found.items():
        rate = arguments.tokens / best["seconds"]
        print(f"{name:32}{best['seconds']:9.2f}{rate:8.1f}{best['peak']:10.0f}{best['loss']:12.5f}")
    full, by_layer, default = (found[name] for name in OURS)
    bars = [("tokens/s of the full tape over the peer's", found[PEER]["seconds"] / full["seconds"], 1.5, True),
            ("peak of the default mode over the peer's", default["peak"] / found[PEER]["peak"], 0.35, False),
            ("NF4 step over the f32 step, layer by layer", default["seconds"] / by_layer["seconds"], 1.3, False)]
    missed = 0
    for what, value, bar, at_least in bars:
        kept = value >= bar if at_least else value <= bar
        missed += not kept
        print(f"{what}: {value:.2f} ({'at least' if at_least else 'at most'} {bar}) {'kept' if kept else 'MISSED'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Gradients and loss curves of LoRA training as PyTorch and PEFT compute them, and NF4 as bitsandbytes stores it.

The base models are those of `parity_fixtures.py`. Adapters start from random factors (B too, so that A has a
gradient), the batch is two sequences of different length of which only the later tokens count, and the loss is the
mean over all tokens that count.

Usage: python lora_fixtures.py ../fixtures [fixture...]   (pip install torch transformers peft safetensors bitsandbytes)
"""

import os
import sys

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

# Fixture, base model and what is asked of PEFT beside the rank.
CASES = [
    ("llama", "llama", {}),
    ("qwen2", "qwen2", {}),
    ("gemma3", "gemma3", {}),
    ("gemma4", "gemma4", {}),
    ("llama_dora", "llama", {"use_dora": True}),
    ("qwen2_rslora_dora", "qwen2", {"use_dora": True, "use_rslora": True}),
]
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
RANK, ALPHA, STEPS, RATE, DECAY = 4, 8, 50, 1e-4, 0.01
# The rate is small enough that PyTorch in f32 and in f64 stay within 1e-4 of each other over all steps.
# Length of each sequence and first token that counts.
SEQUENCES = [(24, 7), (17, 4)]


def loss_of(model, sequences):
    total, count = 0.0, 0
    for tokens, first in sequences:
        logits = model(tokens[None]).logits[0]
        targets = tokens[first:]
        total = total + torch.nn.functional.cross_entropy(logits[first - 1 : -1], targets, reduction="sum")
        count += len(targets)
    return total / count


def train(root, name, base_name, more, seed):
    torch.manual_seed(seed)
    folder = os.path.join(root, "parity", base_name)
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    settings = LoraConfig(
        r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=TARGETS, task_type="CAUSAL_LM", **more
    )
    model = get_peft_model(base, settings)
    model.train()
    vocabulary = base.config.vocab_size
    sequences = [(torch.randint(3, vocabulary, (length,)), first) for length, first in SEQUENCES]
    parameters = {n.replace(".default", ""): p for n, p in model.named_parameters() if p.requires_grad}
    with torch.no_grad():
        for parameter in parameters.values():
            if parameter.dim() == 1:
                # Magnitudes start near the lengths of the base's rows.
                parameter.mul_(1 + torch.randn(parameter.shape) * 0.1)
            else:
                parameter.copy_(torch.randn(parameter.shape) * parameter.shape[1] ** -0.5 * 0.3)
    stored = {f"start.{n}": p.detach().clone() for n, p in parameters.items()}
    optimiser = torch.optim.AdamW(parameters.values(), lr=RATE, weight_decay=DECAY)
    losses = []
    for step in range(STEPS):
        optimiser.zero_grad()
        loss = loss_of(model, sequences)
        loss.backward()
        if step == 0:
            for n, p in parameters.items():
                if p.grad is None:
                    # A layer that reads another's keys and values has projections that nothing runs.
                    del stored[f"start.{n}"]
                else:
                    stored[f"gradient.{n}"] = p.grad.clone()
        optimiser.step()
        losses.append(loss.item())
    stored["losses"] = torch.tensor(losses)
    for index, (tokens, first) in enumerate(sequences):
        stored[f"tokens.{index}"] = tokens.to(torch.float32)
        stored[f"first.{index}"] = torch.tensor([float(first)])
    out = os.path.join(root, "lora")
    os.makedirs(out, exist_ok=True)
    save_file(stored, os.path.join(out, f"{name}.safetensors"), metadata={"format": "pt"})
    print(f"{name}: {len(parameters)} factors, loss {losses[0]:.4f} -> {losses[-1]:.4f}")


def nf4(root):
    import bitsandbytes.functional as functional

    torch.manual_seed(7)
    values = torch.randn(48, 576) * 0.02
    values[::7, ::31] *= 9.0
    values = values.to(torch.bfloat16).to(torch.float32)
    stored = {"values": values}
    for kind, double in (("single", False), ("double", True)):
        packed, state = functional.quantize_4bit(values, blocksize=64, quant_type="nf4", compress_statistics=double)
        stored[f"{kind}.codes"] = packed.flatten().to(torch.float32)
        stored[f"{kind}.scales"] = state.absmax.to(torch.float32)
        if double:
            stored["double.nested"] = state.state2.absmax
            stored["double.mean"] = state.offset.reshape(1)
        stored[f"{kind}.decoded"] = functional.dequantize_4bit(packed, state)
    save_file(stored, os.path.join(root, "lora", "nf4.safetensors"), metadata={"format": "pt"})


def main(root, only):
    for index, (name, base, more) in enumerate(CASES):
        if not only or name in only:
            train(root, name, base, more, 2000 + index)
    if not only or "nf4" in only:
        nf4(root)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

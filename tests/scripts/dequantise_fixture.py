"""Blocks of random bytes for every supported GGUF type, with the values the `gguf` package decodes them to.

Usage: python dequantise_fixture.py ../fixtures/dequantise.safetensors   (pip install gguf safetensors numpy)
"""

import sys

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf import quants
from gguf.constants import GGML_QUANT_SIZES
from safetensors.numpy import save_file

# Type, and the byte offsets of its f16 scales, which random bytes would make infinite.
TYPES = {
    "f16": (T.F16, None), "bf16": (T.BF16, None),
    "q4_0": (T.Q4_0, [0]), "q4_1": (T.Q4_1, [0, 2]), "q5_0": (T.Q5_0, [0]), "q5_1": (T.Q5_1, [0, 2]),
    "q8_0": (T.Q8_0, [0]), "q2_k": (T.Q2_K, [80, 82]), "q3_k": (T.Q3_K, [108]), "q4_k": (T.Q4_K, [0, 2]),
    "q5_k": (T.Q5_K, [0, 2]), "q6_k": (T.Q6_K, [208]), "iq4_nl": (T.IQ4_NL, [0]), "iq4_xs": (T.IQ4_XS, [0]),
    "mxfp4": (T.MXFP4, []),
}

rng = np.random.default_rng(20240611)
out = {}
for name, (kind, scales) in TYPES.items():
    elements, size = GGML_QUANT_SIZES[kind]
    if scales is None:
        values = rng.normal(size=256).astype(np.float32)
        blocks = quants.quantize(values, kind).view(np.uint8).reshape(1, -1)
        decoded = quants.dequantize(blocks.view(np.float16 if name == "f16" else np.uint8), kind)
    else:
        count = max(4, 256 // elements)
        blocks = rng.integers(0, 256, size=(count, size), dtype=np.uint8)
        for offset in scales:
            scale = rng.normal(scale=0.1, size=count).astype(np.float16)
            blocks[:, offset : offset + 2] = scale.view(np.uint8).reshape(count, 2)
        if name == "mxfp4":
            blocks[:, 0] = [0, 1, 2, 127, 128, 130, 200, 254][:count]
        decoded = quants.dequantize(blocks, kind)
    out[f"{name}.blocks"] = np.ascontiguousarray(blocks).reshape(-1)
    out[f"{name}.values"] = np.ascontiguousarray(decoded, dtype=np.float32).reshape(-1)
save_file(out, sys.argv[1])

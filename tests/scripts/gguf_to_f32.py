"""Copy a GGUF with every tensor decoded to f32, so that a runtime computes with the stored weights exactly.

llama.cpp's kernels for quantised weights also quantise activations to 8 bits, which moves logits by about 0.1.

Usage: python gguf_to_f32.py in.gguf out.gguf   (pip install gguf numpy)
"""

import sys

import numpy as np
from gguf import GGUFReader, GGUFValueType, GGUFWriter
from gguf.quants import dequantize

reader = GGUFReader(sys.argv[1])
architecture = reader.fields["general.architecture"].contents()
writer = GGUFWriter(sys.argv[2], architecture)
for name, field in reader.fields.items():
    if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type"):
        continue
    sub = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
    writer.add_key_value(name, field.contents(), field.types[0], sub_type=sub)
for tensor in reader.tensors:
    shape = [int(length) for length in reversed(tensor.shape)]
    values = dequantize(tensor.data, tensor.tensor_type).astype(np.float32).reshape(shape)
    writer.add_tensor(tensor.name, values)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

"""Writes the header of a LiteRT-LM bundle with Google's own builder, for the reader's test.

pip install litert-lm-builder; python3 tests/scripts/litertlm_header.py tests/fixtures/header.litertlm
The sections hold zeros; only the bytes up to the end of the header are kept.
"""
import io
import sys
import tempfile
from pathlib import Path

import litert_lm_builder as bundles

KINDS = bundles.TfLiteModelType


def main() -> None:
    builder = bundles.LitertLmFileBuilder()
    builder.add_system_metadata(bundles.Metadata("Authors", "nobody", bundles.DType.STRING))
    builder.add_system_metadata(bundles.Metadata("parts", 6, bundles.DType.UINT64))
    with tempfile.TemporaryDirectory() as folder:
        def path(name: str, length: int) -> str:
            file = Path(folder, name)
            file.write_bytes(bytes(length))
            return str(file)

        builder.add_tflite_model(path("prefill", 3_000_000), KINDS.PREFILL_DECODE, backend_constraint="cpu")
        builder.add_tflite_model(path("embedder", 40_000), KINDS.EMBEDDER)
        builder.add_tflite_weights(path("rows", 1_200_000), KINDS.PER_LAYER_EMBEDDER)
        builder.add_sentencepiece_tokenizer(path("tokenizer", 20_000))
        builder.add_generic_binary_data(path("notes", 100))
        whole = io.BytesIO()
        builder.build(whole)
    file = whole.getvalue()
    Path(sys.argv[1]).write_bytes(file[: int.from_bytes(file[24:32], "little")])
    print(len(file), "bytes in the whole file")


if __name__ == "__main__":
    main()

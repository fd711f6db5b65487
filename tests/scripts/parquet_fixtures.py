"""Small Parquet files in the layouts that Arrow writes.

Usage: python parquet_fixtures.py ../fixtures/parquet   (pip install pyarrow)
"""

import os
import sys

import pyarrow as pa
import pyarrow.parquet as pq

out = sys.argv[1]
os.makedirs(out, exist_ok=True)


def save(name, columns, **options):
    pq.write_table(pa.table(columns), os.path.join(out, f"{name}.parquet"), **options)


pairs = {
    "id": list(range(300)),
    "prompt": [f"question {row}" for row in range(300)],
    "completion": [f"answer {row % 7} é" for row in range(300)],
}
save("pairs", pairs, row_group_size=128)
save("pairs-plain", pairs, use_dictionary=False, compression="none")
save("pairs-v2", pairs, data_page_version="2.0", data_page_size=512)
turn = lambda role, content: {"role": role, "content": content}
save("messages", {"messages": [
    [turn("user", "one"), turn("assistant", "two")],
    [],
    [turn("system", "s"), turn("user", "three"), turn("assistant", "four")],
]})
save("text", {"text": ["first", "second"]})
save("zstd", {"text": ["first", "second"]}, compression="zstd")
save("gzip", {"text": ["first", "second"]}, compression="gzip")
save("other", {"name": ["first"]})
save("missing", {"text": ["first", None]})

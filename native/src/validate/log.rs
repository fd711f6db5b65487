//! Sizes in llama.cpp's log lines.

use dhurandhar_core::measurement::LoggedMemory;

/// Add what a line says: `CPU_Mapped model buffer size =    92.10 MiB` and its like.
pub(super) fn read(line: &str, sizes: &mut LoggedMemory) {
    let Some((before, after)) = line.split_once("buffer size =") else { return };
    let Some(mib) = after.split_whitespace().next().and_then(|number| number.parse::<f64>().ok()) else {
        return;
    };
    let mut words = before.split_whitespace().rev();
    let (kind, place) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let slot = match (kind, place) {
        ("model", "CPU_REPACK") => &mut sizes.repack_mib,
        ("model", _) => &mut sizes.mapped_mib,
        ("KV", _) => &mut sizes.kv_mib,
        ("RS", _) => &mut sizes.state_mib,
        ("compute", _) => &mut sizes.compute_mib,
        ("output", _) => &mut sizes.output_mib,
        _ => return,
    };
    *slot += mib;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_run_add_up() {
        let mut sizes = LoggedMemory::default();
        for line in [
            "load_tensors:   CPU_Mapped model buffer size =   235.16 MiB\n",
            "load_tensors:   CPU_REPACK model buffer size =    12.66 MiB\n",
            "llama_context:        CPU  output buffer size =     1.00 MiB\n",
            "llama_kv_cache:        CPU KV buffer size =    24.00 MiB\n",
            "llama_kv_cache: size =   24.00 MiB (  8192 cells,   3 layers,  1/1 seqs), K (f16):   12.00 MiB\n",
            "llama_kv_cache:        CPU KV buffer size =    15.00 MiB\n",
            "llama_memory_recurrent:        CPU RS buffer size =    21.57 MiB\n",
            "sched_reserve:        CPU compute buffer size =   514.50 MiB\n",
        ] {
            read(line, &mut sizes);
        }
        let expected = LoggedMemory {
            mapped_mib: 235.16,
            repack_mib: 12.66,
            kv_mib: 39.0,
            state_mib: 21.57,
            compute_mib: 514.5,
            output_mib: 1.0,
        };
        assert_eq!(sizes, expected);
    }
}

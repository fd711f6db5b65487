//! From page counts to the time a token waits.

/// Latencies of one engine, measured on the device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EngineCost {
    /// A row fetch with everything cached, microseconds.
    pub hit_us: f64,
    /// One miss, microseconds: a page for a mapping, a whole row for a read call.
    pub miss_us: f64,
    /// Page misses that one I/O serves: 1 for serial faults, the pages of a row for a read call.
    pub pages_per_io: f64,
}

/// `t_hit + m / b * t_miss`: the wait of one token, microseconds, for `miss_pages` page misses.
pub fn gather_time_us(miss_pages: f64, cost: EngineCost) -> f64 {
    cost.hit_us + miss_pages / cost.pages_per_io.max(1.0) * cost.miss_us
}

/// Share of the token time at `target_tps` that a wait of `stall_us` takes (0.02 is 2 %).
pub fn stall_share(stall_us: f64, target_tps: f64) -> f64 {
    stall_us * 1e-6 * target_tps
}

/// Seconds that fetching `tokens` rows, of which `distinct_share` are new, adds to the time to first token.
pub fn prefill_added_s(tokens: f64, distinct_share: f64, per_row_us: f64) -> f64 {
    tokens * distinct_share * per_row_us * 1e-6
}

/// A file that every token reads from end to end beside the table: the decoder's weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sweep {
    /// Bytes read each token.
    pub decoder_bytes: f64,
    /// Page cache that the decoder can keep, bytes.
    pub cache_bytes: f64,
    /// Speed from memory, bytes a second.
    pub memory_bytes_per_s: f64,
    /// Speed from storage in order into free memory, bytes a second.
    pub storage_bytes_per_s: f64,
    /// Speed from storage in order when every page first takes the place of another, bytes a second.
    ///
    /// Reclaim runs in the reader's own path and drops pages that readahead brought before their turn, so it is a
    /// rate of its own and has to be measured; without a measurement give the rate into free memory.
    pub reclaiming_bytes_per_s: f64,
}

/// Bounds of the time a sweep takes, seconds: `(best, worst)`.
///
/// Best: only what does not fit is read again, as fast as into free memory. Worst: a cyclic sweep over a cache in
/// use or arrival order loses every page before its turn, so the whole decoder is read again as soon as it does not
/// fit, and every page of it at the rate of reclaim.
pub fn sweep_time_s(sweep: Sweep) -> (f64, f64) {
    let missing = (sweep.decoder_bytes - sweep.cache_bytes).max(0.0);
    let warm = |bytes: f64| bytes / sweep.memory_bytes_per_s;
    let cold = |bytes: f64| bytes / sweep.storage_bytes_per_s.min(sweep.memory_bytes_per_s);
    let best = warm(sweep.decoder_bytes - missing) + cold(missing);
    let reclaiming = sweep.reclaiming_bytes_per_s.min(sweep.storage_bytes_per_s);
    let worst =
        if missing > 0.0 { sweep.decoder_bytes / reclaiming.min(sweep.memory_bytes_per_s) } else { best };
    (best, worst)
}

#[cfg(test)]
mod tests {
    use super::{EngineCost, Sweep, gather_time_us, prefill_added_s, stall_share, sweep_time_s};

    #[test]
    fn serial_faults_are_linear() {
        // Measured at one sitting: 0, 1, 2, 3 faults a token = 0.9, 97, 190, 283 us.
        let cost = EngineCost { hit_us: 0.9, miss_us: 94.0, pages_per_io: 1.0 };
        for (faults, seen) in [(0.0, 0.9), (1.0, 97.0), (2.0, 190.0), (3.0, 283.0)] {
            assert!((gather_time_us(faults, cost) - seen).abs() < 0.03 * seen + 0.01);
        }
    }

    #[test]
    fn an_io_limit_of_2500_gives_1212_tokens() {
        let cost = EngineCost { hit_us: 0.0, miss_us: 1e6 / 2500.0, pages_per_io: 1.0 };
        assert!((1e6 / gather_time_us(2.0625, cost) - 1212.0).abs() < 1.0);
    }

    #[test]
    fn layer_major_on_a_slow_card() {
        // 35 reads of 667 us are 35 % of a token at 15 tok/s.
        let cost = EngineCost { hit_us: 0.0, miss_us: 667.0, pages_per_io: 1.0 };
        assert!((stall_share(gather_time_us(35.0, cost), 15.0) - 0.35).abs() < 0.001);
        assert!((prefill_added_s(512.0, 1.0, 2.0625 * 667.0) - 0.704).abs() < 0.001);
    }

    #[test]
    fn a_decoder_that_does_not_fit_falls_off_a_cliff() {
        // 0.79 GB from UFS 4.0 at 4.2 GB/s: 5.3 tok/s once fully evicted.
        let sweep = Sweep {
            decoder_bytes: 0.79e9,
            cache_bytes: 0.7e9,
            memory_bytes_per_s: 40e9,
            storage_bytes_per_s: 4.2e9,
            reclaiming_bytes_per_s: 4.2e9,
        };
        let (best, worst) = sweep_time_s(sweep);
        assert!((1.0 / worst - 5.3).abs() < 0.05, "{worst}");
        assert!(best < worst);
        let fits = sweep_time_s(Sweep { cache_bytes: 0.8e9, ..sweep });
        assert!((fits.0 - fits.1).abs() < 1e-12);
        // Reclaim at a third of the speed triples the worst case and leaves the best alone.
        let slow = sweep_time_s(Sweep { reclaiming_bytes_per_s: 1.4e9, ..sweep });
        assert!((slow.1 / worst - 3.0).abs() < 1e-9 && (slow.0 - best).abs() < 1e-12);
        let faster = sweep_time_s(Sweep { reclaiming_bytes_per_s: 9e9, ..sweep });
        assert!((faster.1 - worst).abs() < 1e-12, "reclaim makes nothing faster");
    }
}

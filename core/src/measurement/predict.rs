//! The storage model beside every measured configuration, calibrated with two of them.
//!
//! For each engine one cold configuration gives the time of a miss and one warm one the time of a hit; one paced
//! configuration gives what a pause adds to the next wait. Every other figure is then a prediction, or bounds where
//! reads may overlap. Where the model makes no claim it says why.

use super::{Configuration, Engine, Pattern, Prediction, State, Summary};
use crate::storage::{
    EngineCost, Layout, PageCache, Replacement, TableGeometry, gather_time_us, miss_pages, pages_per_extent,
    readahead_bytes_per_row,
};

/// What the model needs to know beside the configurations.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// The table, token-major and unpadded.
    pub geometry: TableGeometry,
    /// Readahead window, bytes.
    pub readahead_bytes: u64,
    /// Exponent of the Zipf stream.
    pub zipf_exponent: f64,
    /// Seed that says which rows are hot.
    pub stream_seed: u64,
    /// How the kernel's page cache chooses what leaves.
    pub cache: PageCache,
}

/// Times of one engine: warm row, and one miss by median and by mean, microseconds.
#[derive(Clone, Copy, Debug)]
struct Times {
    hit_us: f64,
    miss_p50_us: f64,
    miss_mean_us: f64,
    pages_per_io: f64,
}

/// What the calibrating configurations say.
#[derive(Clone, Copy, Debug)]
struct Calibrated {
    /// Serial faults.
    mmap: Option<Times>,
    /// One read call a row.
    read: Option<Times>,
    /// One read past the page cache a row.
    direct: Option<Times>,
    /// What a pause before a token adds to its wait: sleeping processor, cold caches; microseconds.
    pause_us: Option<f64>,
}

impl Calibration {
    /// Fills in the prediction of every configuration that has a summary.
    pub fn predict_all(&self, configurations: &mut [Configuration]) {
        let times = |engine| self.times(configurations, engine);
        let calibrated = Calibrated {
            mmap: times(Engine::MmapRandom),
            read: times(Engine::Pread),
            direct: times(Engine::Direct),
            pause_us: pause_us(configurations),
        };
        for configuration in configurations {
            configuration.prediction = Some(self.predict(configuration, calibrated));
        }
    }

    /// One miss of `engine`, mean, microseconds, from its two calibrators; `None` without them.
    pub fn miss_us(&self, configurations: &[Configuration], engine: Engine) -> Option<f64> {
        self.times(configurations, engine).map(|times| times.miss_mean_us)
    }

    fn times(&self, configurations: &[Configuration], engine: Engine) -> Option<Times> {
        let cold = calibrator(configurations, engine, State::Cold)?;
        // A read past the cache has no warm state; the copy is in every one of its waits.
        let hit_us = match engine {
            Engine::Direct => 0.0,
            _ => calibrator(configurations, engine, State::Warm)?.p50_us.estimate,
        };
        let pages = self.geometry.pages_per_token(Layout::Contiguous);
        let pages_per_io = engine.pages_per_io(Layout::Contiguous, pages);
        let each = |us: f64| ((us - hit_us) * pages_per_io / pages).max(0.0);
        Some(Times {
            hit_us,
            miss_p50_us: each(cold.p50_us.estimate),
            miss_mean_us: each(cold.mean_us.estimate),
            pages_per_io,
        })
    }

    fn predict(&self, configuration: &Configuration, calibrated: Calibrated) -> Prediction {
        let (reads, model) = self.reads(configuration);
        let mut prediction = Prediction { model, reads_per_token: reads, ..Prediction::default() };
        let summary = configuration.summary.as_ref();
        let ratio = |predicted: Option<f64>, measured: Option<f64>| {
            predicted.zip(measured).filter(|(_, seen)| *seen > 0.0).map(|(p, seen)| p / seen)
        };
        prediction.bytes_per_token = reads.map(|reads| reads * self.geometry.page_bytes as f64);
        prediction.reads_over_measured = ratio(reads, summary.and_then(|s| s.reads_per_token));
        let Some(reads) = reads else { return prediction };
        let (wait, range) = waits(configuration, reads, calibrated);
        let pause = if configuration.pacing_us > 0 { calibrated.pause_us } else { Some(0.0) };
        prediction.stall_us = wait.zip(pause).map(|(wait, pause)| wait + pause);
        prediction.stall_range_us = range.zip(pause).map(|((low, high), pause)| (low + pause, high + pause));
        if !calibrates(configuration) {
            let measured = configuration.compared_wait().map(|wait| wait.estimate);
            prediction.stall_over_measured = ratio(prediction.stall_us, measured);
        }
        prediction
    }

    /// Page reads a token and the model they come from; `None` with the reason.
    fn reads(&self, configuration: &Configuration) -> (Option<f64>, String) {
        let geometry = &self.geometry;
        let (layout, page) = (configuration.layout, geometry.page_bytes as f64);
        let fresh = match configuration.pattern {
            Pattern::RandomScatter => {
                let slice = geometry.layer_bytes;
                geometry.layers as f64 * pages_per_extent(slice, slice, geometry.page_bytes)
            }
            Pattern::SequentialPrefill if layout == Layout::Padded => {
                geometry.stride(Layout::Padded) as f64 / page
            }
            Pattern::SequentialPrefill => geometry.row_bytes() as f64 / page,
            _ => geometry.pages_per_token(layout),
        };
        match configuration.state {
            State::Warm => (Some(0.0), "everything cached".to_owned()),
            State::Budget => self.budget_reads(configuration),
            State::Cold if configuration.engine.reads_ahead() => {
                if configuration.pattern.is_sequential() {
                    return (
                        Some(fresh),
                        "every page once; a block also reads up to one window too far".to_owned(),
                    );
                }
                if layout != Layout::Contiguous || configuration.pattern != Pattern::RandomDecode {
                    return (None, "readahead windows of one token overlap: no claim".to_owned());
                }
                let bytes = readahead_bytes_per_row(fresh, geometry.page_bytes, self.readahead_bytes);
                // The table's end and rows read before bound what a window can bring.
                let table = geometry.bytes(layout) as f64;
                (Some(bytes.min(table) / page), "one readahead window a row".to_owned())
            }
            State::Cold if configuration.pattern == Pattern::SequentialPrefill => {
                (Some(fresh), "every page once".to_owned())
            }
            State::Cold => (Some(fresh), "pages a row touches, 1 + (L - g) / P".to_owned()),
        }
    }

    fn budget_reads(&self, configuration: &Configuration) -> (Option<f64>, String) {
        let exponent = match configuration.pattern {
            Pattern::ZipfDecode => self.zipf_exponent,
            Pattern::RandomDecode => 0.0,
            _ => return (None, "no closed form for a recorded trace".to_owned()),
        };
        let Some(replacement) = configuration.engine.replacement(self.cache) else {
            return (None, "replacement and readahead mix: no claim".to_owned());
        };
        let held: Vec<f64> = configuration
            .blocks
            .iter()
            .filter_map(|block| block.group_cache_bytes)
            .map(|bytes| bytes as f64 / self.geometry.page_bytes as f64)
            .collect();
        let Some(pages) = super::median(&held) else {
            return (None, "the cached pages under the limit could not be observed".to_owned());
        };
        let rates = self.geometry.page_rates(configuration.layout, exponent, self.stream_seed);
        let name = match replacement {
            Replacement::Fifo => "FIFO",
            Replacement::Lru => "LRU",
            Replacement::TwoLists => "two-list",
        };
        (Some(miss_pages(&rates, pages, replacement)), format!("{name} misses with {pages:.0} cached pages"))
    }
}

/// The wait of a token back to back, or its bounds where reads overlap by an unknown degree.
fn waits(c: &Configuration, reads: f64, calibrated: Calibrated) -> (Option<f64>, Option<(f64, f64)>) {
    let budget = c.state == State::Budget;
    let serial = |times: Times, reads: f64| {
        let miss_us = if budget { times.miss_mean_us } else { times.miss_p50_us };
        let pages_per_io = if c.layout == Layout::LayerMajor || c.pattern == Pattern::RandomScatter {
            1.0
        } else {
            times.pages_per_io
        };
        gather_time_us(reads, EngineCost { hit_us: times.hit_us, miss_us, pages_per_io })
    };
    let Calibrated { mmap, read, direct, .. } = calibrated;
    // Pages announced before they are touched: the device reads as a read call would, the touch is a hit.
    let announced = mmap.zip(read).map(|(mmap, read)| Times { hit_us: mmap.hit_us, ..read });
    match c.engine {
        Engine::MmapRandom => (mmap.map(|times| serial(times, reads)), None),
        Engine::Pread => (read.map(|times| serial(times, reads)), None),
        Engine::Direct if !budget => (direct.map(|times| serial(times, reads)), None),
        Engine::MmapWillneed
            if !budget && c.layout != Layout::LayerMajor && c.pattern == Pattern::RandomDecode =>
        {
            (announced.map(|times| serial(times, reads)), None)
        }
        Engine::MmapWillneed if c.state == State::Cold => {
            (None, announced.map(|times| (serial(times, 1.0), serial(times, reads))))
        }
        // One read is one read, however it is asked for; those of a batch overlap as far as the device lets them.
        Engine::IoUring | Engine::IoUringDirect if c.state == State::Cold => {
            let times = if c.engine == Engine::IoUring { read } else { direct };
            if c.layout != Layout::LayerMajor && c.pattern == Pattern::RandomDecode {
                (times.map(|times| serial(times, reads)), None)
            } else {
                (None, times.map(|times| (serial(times, 1.0), serial(times, reads))))
            }
        }
        Engine::MmapThreads if c.state == State::Cold => {
            let rounds = (reads / f64::from(Engine::THREADS)).max(1.0);
            (None, mmap.map(|times| (serial(times, rounds), serial(times, reads))))
        }
        _ => (None, None),
    }
}

/// Contiguous random rows: what engines are calibrated with.
fn plain(c: &Configuration, engine: Engine, state: State) -> bool {
    c.engine == engine
        && c.state == state
        && c.pattern == Pattern::RandomDecode
        && c.layout == Layout::Contiguous
}

fn calibrator(all: &[Configuration], engine: Engine, state: State) -> Option<&Summary> {
    all.iter().find(|c| plain(c, engine, state) && c.pacing_us == 0)?.summary.as_ref()
}

/// What a pause adds to the wait of a read call.
fn pause_us(all: &[Configuration]) -> Option<f64> {
    let paced = all.iter().find(|c| plain(c, Engine::Pread, State::Cold) && c.pacing_us > 0)?;
    let steady = calibrator(all, Engine::Pread, State::Cold)?;
    Some((paced.summary.as_ref()?.p50_us.estimate - steady.p50_us.estimate).max(0.0))
}

/// Whether a configuration is one of those that calibrate, so that its own ratio would prove nothing.
fn calibrates(c: &Configuration) -> bool {
    let steady = [(Engine::MmapRandom, State::Cold), (Engine::MmapRandom, State::Warm)]
        .into_iter()
        .chain([(Engine::Pread, State::Cold), (Engine::Pread, State::Warm), (Engine::Direct, State::Cold)])
        .any(|(engine, state)| plain(c, engine, state) && c.pacing_us == 0);
    steady || (c.pacing_us > 0 && plain(c, Engine::Pread, State::Cold))
}

#[cfg(test)]
mod tests {
    use super::Calibration;
    use crate::measurement::{
        Block, Configuration, Counters, Engine, Interval, Latency, Pattern, Residency, State, Summary,
    };
    use crate::storage::{Layout, PageCache, TableGeometry};

    fn calibration() -> Calibration {
        Calibration {
            geometry: TableGeometry::new(262_144, 35, 128, 4096).unwrap(),
            readahead_bytes: 131_072,
            zipf_exponent: 1.0,
            stream_seed: 11,
            cache: PageCache::LINUX,
        }
    }

    fn configuration(engine: Engine, layout: Layout, state: State, us: f64, reads: f64) -> Configuration {
        let fixed = |estimate| Interval { estimate, low: estimate, high: estimate };
        Configuration {
            id: String::new(),
            pattern: if state == State::Budget { Pattern::ZipfDecode } else { Pattern::RandomDecode },
            layout,
            engine,
            state,
            pacing_us: 0,
            budget_bytes: None,
            method: String::new(),
            blocks: Vec::new(),
            summary: Some(Summary {
                blocks: 10,
                tokens_per_s: fixed(1e6 / us),
                mean_us: fixed(us),
                p50_us: fixed(us),
                p99_us: us,
                latency: Latency::default(),
                reads_per_token: Some(reads),
                bytes_per_token: Some(reads * 4096.0),
                amplification: None,
                major_faults_per_token: None,
                distribution: Vec::new(),
            }),
            prediction: None,
            failures: Vec::new(),
            flags: Vec::new(),
        }
    }

    #[test]
    fn the_published_run_is_predicted_from_two_configurations() {
        let mut all = vec![
            configuration(Engine::MmapRandom, Layout::Contiguous, State::Cold, 200.0, 2.05),
            configuration(Engine::MmapRandom, Layout::Contiguous, State::Warm, 2.0, 0.0),
            configuration(Engine::MmapRandom, Layout::LayerMajor, State::Cold, 3362.0, 35.0),
            configuration(Engine::MmapRandom, Layout::Contiguous, State::Budget, 80.0, 0.82),
        ];
        all[3].blocks.push(Block {
            order: 0,
            seed: 0,
            wall_s: 1.0,
            expected_pages: 1,
            latency: Latency::default(),
            intended_latency: None,
            counters: Counters::default(),
            residency: Residency::default(),
            group_cache_bytes: Some(64_000_000),
            valid: true,
            flags: Vec::new(),
        });
        calibration().predict_all(&mut all);
        let ratio = |at: usize| all[at].prediction.as_ref().unwrap().clone();
        assert_eq!(ratio(0).stall_over_measured, None, "the calibrator proves nothing");
        assert!((ratio(0).reads_over_measured.unwrap() - 1.006).abs() < 0.001);
        // 35 faults of 96 us.
        assert!((ratio(2).stall_over_measured.unwrap() - 1.0).abs() < 0.01, "{:?}", ratio(2));
        assert!((ratio(3).reads_over_measured.unwrap() - 1.0).abs() < 0.03, "{:?}", ratio(3));
        assert_eq!(ratio(1).reads_per_token, Some(0.0));
        assert_eq!(ratio(1).reads_over_measured.map(|_| ()), None);
    }

    #[test]
    fn announced_direct_threaded_and_paced_reads_are_claimed_from_the_same_calibration() {
        let row = |engine, layout, us| configuration(engine, layout, State::Cold, us, 2.06);
        let mut all = vec![
            row(Engine::MmapRandom, Layout::Contiguous, 124.75),
            configuration(Engine::MmapRandom, Layout::Contiguous, State::Warm, 1.0, 0.0),
            row(Engine::Pread, Layout::Contiguous, 62.0),
            configuration(Engine::Pread, Layout::Contiguous, State::Warm, 2.0, 0.0),
            row(Engine::Direct, Layout::Contiguous, 50.0),
            row(Engine::MmapWillneed, Layout::Contiguous, 61.0),
            row(Engine::Direct, Layout::LayerMajor, 1750.0),
            row(Engine::MmapThreads, Layout::LayerMajor, 700.0),
            row(Engine::MmapWillneed, Layout::LayerMajor, 500.0),
            row(Engine::Pread, Layout::Contiguous, 250.0),
            row(Engine::MmapRandom, Layout::Contiguous, 312.75),
        ];
        all[9].pacing_us = 66_667;
        all[10].pacing_us = 66_667;
        calibration().predict_all(&mut all);
        let prediction = |at: usize| all[at].prediction.clone().unwrap();
        for calibrator in [0, 1, 2, 3, 4, 9] {
            assert!(prediction(calibrator).stall_us.is_some(), "{calibrator}");
            assert_eq!(prediction(calibrator).stall_over_measured, None, "{calibrator}");
        }
        // 60 us for the row's one read, 1 us for the touch; 35 direct reads; a pause of 188 us on top.
        for claimed in [5, 6, 10] {
            let ratio = prediction(claimed).stall_over_measured.unwrap();
            assert!((ratio - 1.0).abs() < 1e-6, "{claimed}: {ratio}");
        }
        // 60 us a fault: 35 / 8 rounds, or one after the other. Announced: all at once, or one after the other.
        let near = |range: Option<(f64, f64)>, low: f64, high: f64| {
            let (own_low, own_high) = range.unwrap();
            assert!((own_low - low).abs() < 1e-6 && (own_high - high).abs() < 1e-6, "{range:?}");
        };
        near(prediction(7).stall_range_us, 263.5, 2101.0);
        near(prediction(8).stall_range_us, 61.0, 2101.0);
        assert_eq!(prediction(7).stall_us, None);
    }

    #[test]
    fn readahead_is_bounded_by_the_table() {
        let mut deployed =
            vec![configuration(Engine::MmapDefault, Layout::Contiguous, State::Cold, 9.0, 30.0)];
        calibration().predict_all(&mut deployed);
        let prediction = deployed[0].prediction.clone().unwrap();
        assert_eq!(prediction.bytes_per_token, Some(131_072.0));
        assert_eq!(prediction.stall_us, None);
    }
}

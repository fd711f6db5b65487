//! The storage model beside every measured configuration, calibrated with two of them.
//!
//! One cold configuration gives the time of a miss, one warm one the time of a hit; every other figure is
//! then a prediction. Where the model makes no claim it says why.

use super::{Configuration, Engine, Pattern, Prediction, State};
use crate::storage::{
    EngineCost, Layout, Replacement, TableGeometry, gather_time_us, miss_pages, pages_per_extent,
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
    /// Whether a mapping under random advice loses its recency (Linux 6.4 and later).
    pub random_is_fifo: bool,
}

/// Times of one engine: warm row, and one miss by median and by mean, microseconds.
#[derive(Clone, Copy, Debug)]
struct Times {
    hit_us: f64,
    miss_p50_us: f64,
    miss_mean_us: f64,
    pages_per_io: f64,
}

impl Calibration {
    /// Fills in the prediction of every configuration that has a summary.
    pub fn predict_all(&self, configurations: &mut [Configuration]) {
        let mmap = self.times(configurations, Engine::MmapRandom);
        let read = self.times(configurations, Engine::Pread);
        for configuration in configurations {
            let times = match configuration.engine {
                Engine::MmapRandom => mmap,
                Engine::Pread => read,
                _ => None,
            };
            configuration.prediction = Some(self.predict(configuration, times));
        }
    }

    /// One miss of `engine`, mean, microseconds, from its two calibrators; `None` without them.
    pub fn miss_us(&self, configurations: &[Configuration], engine: Engine) -> Option<f64> {
        self.times(configurations, engine).map(|times| times.miss_mean_us)
    }

    fn times(&self, configurations: &[Configuration], engine: Engine) -> Option<Times> {
        let find = |state| {
            configurations
                .iter()
                .find(|c| is_calibrator(c, engine, state))
                .and_then(|found| found.summary.as_ref())
        };
        let (cold, warm) = (find(State::Cold)?, find(State::Warm)?);
        let pages = self.geometry.pages_per_token(Layout::Contiguous);
        let pages_per_io = engine.pages_per_io(Layout::Contiguous, pages);
        let hit_us = warm.p50_us.estimate;
        let each = |us: f64| ((us - hit_us) * pages_per_io / pages).max(0.0);
        Some(Times {
            hit_us,
            miss_p50_us: each(cold.p50_us.estimate),
            miss_mean_us: each(cold.mean_us.estimate),
            pages_per_io,
        })
    }

    fn predict(&self, configuration: &Configuration, times: Option<Times>) -> Prediction {
        let (reads, model) = self.reads(configuration);
        let mut prediction = Prediction { model, reads_per_token: reads, ..Prediction::default() };
        let summary = configuration.summary.as_ref();
        let ratio = |predicted: Option<f64>, measured: Option<f64>| {
            predicted.zip(measured).filter(|(_, seen)| *seen > 0.0).map(|(p, seen)| p / seen)
        };
        prediction.bytes_per_token = reads.map(|reads| reads * self.geometry.page_bytes as f64);
        prediction.reads_over_measured = ratio(reads, summary.and_then(|s| s.reads_per_token));
        if configuration.pacing_us > 0 {
            return prediction;
        }
        if let (Some(times), Some(reads)) = (times, reads) {
            let budget = configuration.state == State::Budget;
            let cost = EngineCost {
                hit_us: times.hit_us,
                miss_us: if budget { times.miss_mean_us } else { times.miss_p50_us },
                pages_per_io: if configuration.layout == Layout::LayerMajor {
                    1.0
                } else {
                    times.pages_per_io
                },
            };
            let stall = gather_time_us(reads, cost);
            let measured = summary.map(|s| if budget { s.mean_us.estimate } else { s.p50_us.estimate });
            prediction.stall_us = Some(stall);
            let calibrates = is_calibrator(configuration, configuration.engine, configuration.state);
            prediction.stall_over_measured = ratio(Some(stall), measured).filter(|_| !calibrates);
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
        let Some(replacement) = configuration.engine.replacement(self.random_is_fifo) else {
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
        };
        (Some(miss_pages(&rates, pages, replacement)), format!("{name} misses with {pages:.0} cached pages"))
    }
}

/// The two configurations that calibrate an engine: contiguous random rows, cold and warm, back to back.
fn is_calibrator(configuration: &Configuration, engine: Engine, state: State) -> bool {
    state != State::Budget
        && configuration.engine == engine
        && configuration.state == state
        && configuration.pattern == Pattern::RandomDecode
        && configuration.layout == Layout::Contiguous
        && configuration.pacing_us == 0
}

#[cfg(test)]
mod tests {
    use super::Calibration;
    use crate::measurement::{
        Block, Configuration, Counters, Engine, Interval, Latency, Pattern, Residency, State, Summary,
    };
    use crate::storage::{Layout, TableGeometry};

    fn calibration() -> Calibration {
        Calibration {
            geometry: TableGeometry::new(262_144, 35, 128, 4096).unwrap(),
            readahead_bytes: 131_072,
            zipf_exponent: 1.0,
            stream_seed: 11,
            random_is_fifo: true,
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
    fn readahead_is_bounded_by_the_table() {
        let mut deployed =
            vec![configuration(Engine::MmapDefault, Layout::Contiguous, State::Cold, 9.0, 30.0)];
        calibration().predict_all(&mut deployed);
        let prediction = deployed[0].prediction.clone().unwrap();
        assert_eq!(prediction.bytes_per_token, Some(131_072.0));
        assert_eq!(prediction.stall_us, None);
    }
}

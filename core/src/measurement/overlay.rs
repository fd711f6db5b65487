//! A measurement as points to lay over a prediction, small enough to send to a page.

use super::{Calibration, Configuration, Engine, MmapProfile, Pattern, State, VerdictResult, median};
use crate::leaf::wire::wire_struct;
use crate::storage::{Layout, PageCache, TableGeometry};

/// One measured configuration beside the model's claim.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredPoint {
    /// Name in the measurement.
    pub id: String,
    /// Row order.
    pub pattern: Pattern,
    /// Row layout.
    pub layout: Layout,
    /// Way of reading.
    pub engine: Engine,
    /// Page-cache state.
    pub state: State,
    /// Page cache of the table, bytes: none cold, all of it warm, as observed under a limit.
    pub cache_bytes: Option<f64>,
    /// Wait of a token, microseconds: the mean under a limit, the median otherwise.
    pub stall_us: f64,
    /// Its 95 % interval.
    pub interval_us: (f64, f64),
    /// The model's claim about it, with the run's own calibration.
    pub predicted_us: Option<f64>,
    /// Predicted over measured wait; none for a run that calibrates the model, and without a claim.
    pub stall_ratio: Option<f64>,
    /// Page reads a token.
    pub reads_per_token: Option<f64>,
    /// The model's claim about them.
    pub predicted_reads: Option<f64>,
    /// Predicted over measured reads.
    pub reads_ratio: Option<f64>,
}

/// What a page shows of a measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Overlay {
    /// The device, in its owner's words.
    pub device: String,
    /// Start of the run, UTC.
    pub started: String,
    /// The measurement's own verdict.
    pub result: VerdictResult,
    /// The table that was read.
    pub table: TableGeometry,
    /// A miss of a mapping under random advice, microseconds, from the calibrating runs.
    pub miss_us: Option<f64>,
    /// Back-to-back decode configurations with a valid summary.
    pub points: Vec<MeasuredPoint>,
}

impl Overlay {
    /// The part of `profile` that a prediction can be laid beside.
    pub fn of(profile: &MmapProfile) -> Self {
        let geometry = profile.table.geometry;
        let calibration = Calibration {
            geometry,
            readahead_bytes: 0,
            zipf_exponent: 0.0,
            stream_seed: 0,
            cache: PageCache::LINUX,
        };
        let shown = |c: &&Configuration| {
            c.pacing_us == 0
                && !c.is_invalid()
                && matches!(c.pattern, Pattern::RandomDecode | Pattern::ZipfDecode | Pattern::TraceDecode)
        };
        Self {
            device: profile.device.name.clone(),
            started: profile.run.started.clone(),
            result: profile.verdict.result,
            table: geometry,
            // Ten nanoseconds are finer than any run can tell.
            miss_us: calibration
                .miss_us(&profile.configurations, Engine::MmapRandom)
                .map(|us| (us * 100.0).round() / 100.0),
            points: profile
                .configurations
                .iter()
                .filter(shown)
                .filter_map(|configuration| point(configuration, &geometry))
                .collect(),
        }
    }
}

fn point(configuration: &Configuration, table: &TableGeometry) -> Option<MeasuredPoint> {
    let summary = configuration.summary.as_ref()?;
    let prediction = configuration.prediction.clone().unwrap_or_default();
    let held = || {
        let bytes = configuration.blocks.iter().filter_map(|block| block.group_cache_bytes);
        median(&bytes.map(|bytes| bytes as f64).collect::<Vec<_>>())
    };
    let (cache_bytes, wait) = match configuration.state {
        State::Cold => (Some(0.0), summary.p50_us),
        State::Warm => (Some(table.bytes(configuration.layout) as f64), summary.p50_us),
        State::Budget => (held(), summary.mean_us),
    };
    Some(MeasuredPoint {
        id: configuration.id.clone(),
        pattern: configuration.pattern,
        layout: configuration.layout,
        engine: configuration.engine,
        state: configuration.state,
        cache_bytes,
        stall_us: wait.estimate,
        interval_us: (wait.low, wait.high),
        predicted_us: prediction.stall_us,
        stall_ratio: prediction.stall_over_measured,
        reads_per_token: summary.reads_per_token,
        predicted_reads: prediction.reads_per_token,
        reads_ratio: prediction.reads_over_measured,
    })
}

wire_struct!(MeasuredPoint {
    id,
    pattern,
    layout,
    engine,
    state,
    cache_bytes,
    stall_us,
    interval_us,
    predicted_us,
    stall_ratio,
    reads_per_token,
    predicted_reads,
    reads_ratio,
});
wire_struct!(Overlay { device, started, result, table, miss_us, points });

#[cfg(test)]
mod tests {
    use super::Overlay;
    use crate::leaf::wire;
    use crate::measurement::{Measurement, MmapProfile, State};

    /// A run of `profile-mmap` on a shared virtual machine, as published.
    const PUBLISHED: &str = include_str!(
        "../../../content/measurements/shared-virtual-machine-2-cores-virtio-disk-2026-11-23-8c84bba2.json"
    );

    #[test]
    fn points_are_the_measurements_own_figures() {
        let profile = MmapProfile::read(PUBLISHED).unwrap();
        let overlay = Overlay::of(&profile);
        assert!(!overlay.points.is_empty() && overlay.miss_us.is_some_and(|us| us > 0.0));
        for point in &overlay.points {
            let source = profile.configurations.iter().find(|c| c.id == point.id).unwrap();
            let summary = source.summary.as_ref().unwrap();
            let under_limit = point.state == State::Budget;
            let wait = if under_limit { summary.mean_us } else { summary.p50_us };
            assert_eq!((point.stall_us, point.interval_us), (wait.estimate, (wait.low, wait.high)));
            assert_eq!(point.predicted_us, source.prediction.as_ref().and_then(|p| p.stall_us));
            assert!(point.cache_bytes.is_some() || under_limit);
        }
        assert_eq!(wire::decode(&wire::encode(&overlay)), Some(overlay));
    }
}

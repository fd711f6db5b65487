//! Stall over cache as a drawing, with measured points where there are some.

use dhurandhar_chart::{Axis, Limit, Line, LineChart, LinePoint, LineStyle};
use dhurandhar_core::leaf::units::{MIB, in_mib};
use dhurandhar_core::measurement::{MeasuredPoint, Overlay, Pattern, State};
use dhurandhar_core::speed::{Lookup, LookupCase};

/// The prediction of `case`, and the points of `measured` that read the same way.
pub(crate) fn stall(case: &LookupCase, lookup: &Lookup, measured: Option<&Overlay>) -> LineChart {
    let points: Vec<(f64, f64)> = lookup.curve.iter().map(|(bytes, us)| (bytes / MIB as f64, *us)).collect();
    let mut lines = vec![Line::new("predicted", &points)];
    let alike: Vec<LinePoint> = measured
        .into_iter()
        .flat_map(|measured| &measured.points)
        .filter_map(|seen| point(case, seen))
        .collect();
    if !alike.is_empty() {
        lines.push(Line {
            name: "measured".to_owned(),
            points: alike,
            style: LineStyle::Points,
            colour_of: None,
        });
    }
    LineChart {
        title: "Stall of a token by page cache".to_owned(),
        x: Axis::from_zero("page cache of the table, MiB"),
        y: Axis::from_zero("stall, \u{b5}s"),
        lines,
        limits: vec![Limit::X(in_mib(case.cache_bytes), "budget".to_owned())],
    }
}

fn point(case: &LookupCase, seen: &MeasuredPoint) -> Option<LinePoint> {
    // Without a limit nothing is replaced: which rows come more often then makes no difference.
    let stream = match seen.pattern {
        Pattern::ZipfDecode => case.zipf_exponent > 0.0,
        Pattern::RandomDecode => seen.state != State::Budget || case.zipf_exponent == 0.0,
        _ => false,
    };
    let alike = stream && seen.layout == case.layout && seen.engine == case.engine;
    let x = seen.cache_bytes.filter(|_| alike)? / MIB as f64;
    Some(LinePoint { x, y: seen.stall_us, range: Some(seen.interval_us) })
}

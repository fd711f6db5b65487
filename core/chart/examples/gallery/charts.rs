//! One chart of every kind and a few variants. The figures are made up to exercise the layout; none is a
//! measurement.

use dhurandhar_chart::{
    Axis, Bar, Budget, Cell, Drawing, Group, GroupedBars, HeatMap, Limit, Line, LineChart, LinePoint,
    LineStyle, MemoryBars, Segment, Spread, Value,
};

/// Every chart with a short name.
pub(crate) fn all() -> Vec<(&'static str, Box<dyn Drawing>)> {
    [memory(), lines(), groups(), maps()].into_iter().flatten().collect()
}

const MIB: f64 = 1_048_576.0;

fn segment(name: &str, mib: f64, mapped: bool) -> Segment {
    Segment { name: name.to_owned(), bytes: mib * MIB, mapped, series: None }
}

fn footprint(label: &str, scale: f64) -> Bar {
    let mut segments = vec![
        segment("decoder weights", 980.0 * scale, false),
        segment("token embeddings", 212.0 * scale, false),
        segment("KV cache", 96.0 * scale, false),
        segment("compute buffers", 64.0 * scale, false),
        segment("runtime", 38.0, false),
        segment("PLE page cache", 120.0 * scale, true),
    ];
    if scale > 1.0 {
        segments.push(segment("audio encoder", 150.0, false));
    }
    let total: f64 = segments.iter().map(|segment| segment.bytes).sum();
    Bar { label: label.to_owned(), segments, interval: Some((total * 0.94, total * 1.08)) }
}

fn budget(label: &str, mib: f64) -> Budget {
    Budget { label: label.to_owned(), bytes: mib * MIB }
}

fn memory() -> Vec<(&'static str, Box<dyn Drawing>)> {
    let single = MemoryBars {
        title: "Memory by component".to_owned(),
        bars: vec![footprint("", 1.0)],
        budgets: vec![budget("budget", 1_536.0)],
    };
    let several = MemoryBars {
        title: "Memory by model".to_owned(),
        bars: vec![
            footprint("small-1b", 0.6),
            footprint("gemma-like-2b", 1.0),
            footprint("gemma-like-4b", 1.9),
            Bar {
                label: "PLE resident".to_owned(),
                segments: vec![
                    segment("decoder weights", 980.0, false),
                    segment("PLE table", 1_170.0, false),
                ],
                interval: None,
            },
            Bar {
                label: "PLE mapped".to_owned(),
                segments: vec![segment("decoder weights", 980.0, false), segment("PLE table", 140.0, true)],
                interval: None,
            },
        ],
        budgets: vec![budget("phone", 1_536.0), budget("board", 1_900.0), budget("laptop", 4_096.0)],
    };
    vec![("one model", Box::new(single)), ("several", Box::new(several))]
}

fn curve(steps: u32, value: impl Fn(f64) -> (f64, f64)) -> Vec<(f64, f64)> {
    (0..=steps).map(|i| value(f64::from(i) / f64::from(steps))).collect()
}

fn quality() -> LineChart {
    let theory = curve(60, |t| (1.0 + 7.0 * t, 0.36 * 4.0_f64.powf(-7.0 * t)));
    let bits = [2.25, 3.25, 4.25, 6.25, 8.25];
    let turbo: Vec<(f64, f64)> = bits.map(|b| (b, 0.45 * 4.0_f64.powf(1.2 - b))).to_vec();
    let rotor: Vec<(f64, f64)> = bits.map(|b| (b, 0.8 * 4.0_f64.powf(1.3 - b))).to_vec();
    let mut seed = Line::new("seed-turbo", &bits.map(|b| (b, 2.2 * 4.0_f64.powf(0.6 - b * 0.8))));
    for point in &mut seed.points {
        point.range = Some((point.y * 0.7, point.y * 1.5));
    }
    LineChart {
        title: "Quality over true bits".to_owned(),
        x: Axis::linear("true bits per channel"),
        y: Axis::log("normalised MSE"),
        lines: vec![
            Line::new("TurboQuant", &turbo),
            Line::new("RotorQuant", &rotor),
            seed,
            Line::theory("theory", &theory),
        ],
        limits: vec![Limit::X(4.25, "preset 4.25".to_owned())],
    }
}

fn lines() -> Vec<(&'static str, Box<dyn Drawing>)> {
    let noise = |i: f64| (i * 12.9898).sin() * 0.5 + (i * 78.233).cos() * 0.5;
    let loss =
        |scale: f64| curve(3_000, |t| (t * 3_000.0, 1.4 + scale * (-4.0 * t).exp() + 0.08 * noise(t * 3e3)));
    let mut predicted = Line::theory("predicted", &curve(20, |t| (t * 1_600.0, 2.0 + 40.0 * (1.0 - t))));
    predicted.colour_of = Some(0);
    let mut measured = Line::new("measured", &curve(8, |t| (t * 1_600.0, 3.0 + 38.0 * (1.0 - t))));
    measured.points =
        measured.points.iter().map(|p| LinePoint { range: Some((p.y * 0.9, p.y * 1.15)), ..*p }).collect();
    let against = LineChart {
        title: "Stall per token under a budget".to_owned(),
        x: Axis::linear("page cache, MiB"),
        y: Axis::from_zero("stall, ms per token"),
        lines: vec![measured, predicted],
        limits: vec![Limit::Y(30.0, "30 ms per token".to_owned())],
    };
    let tail = |base: f64| curve(200, |t| (1.0 - 10.0_f64.powf(-4.0 * t), base * (1.0 + 8.0 * t.powf(3.0))));
    let (pread, mmap, direct) = (tail(60.0), tail(95.0), tail(48.0));
    let latency = LineChart::latency(
        "Latency by percentile",
        "latency, µs",
        &[("mmap", &mmap), ("pread", &pread), ("O_DIRECT", &direct)],
    );
    let scatter = LineChart {
        title: "Predicted beside measured".to_owned(),
        x: Axis::log("predicted, MiB"),
        y: Axis::log("measured, MiB"),
        lines: vec![
            Line {
                style: LineStyle::Points,
                ..Line::new(
                    "models",
                    &[(300.0, 310.0), (820.0, 790.0), (1_900.0, 1_960.0), (5_200.0, 5_150.0)],
                )
            },
            Line::theory("equal", &[(200.0, 200.0), (8_000.0, 8_000.0)]),
        ],
        limits: Vec::new(),
    };
    let loss = LineChart {
        title: "Loss".to_owned(),
        x: Axis::linear("step"),
        y: Axis::linear("loss"),
        lines: vec![
            Line::new("train", &loss(2.2)),
            Line::new("held out", &curve(12, |t| (t * 3e3, 1.5 + 2.0 * (-4.0 * t).exp()))),
        ],
        limits: Vec::new(),
    };
    vec![
        ("quality", Box::new(quality())),
        ("predicted and measured", Box::new(against)),
        ("latency", Box::new(latency)),
        ("scatter", Box::new(scatter)),
        ("loss", Box::new(loss)),
    ]
}

fn groups() -> Vec<(&'static str, Box<dyn Drawing>)> {
    let group = |label: &str, values: &[f64]| Group {
        label: label.to_owned(),
        values: values
            .iter()
            .map(|v| Some(Value { value: *v, range: Some((v * 0.85, v * 1.1)) }).filter(|v| v.value > 0.0))
            .collect(),
    };
    let rates = GroupedBars {
        title: "Decode by access pattern".to_owned(),
        axis: Axis::from_zero("tok/s"),
        series: ["cold", "warm", "under budget"].map(String::from).to_vec(),
        groups: vec![
            group("sequential_prefill", &[41.0, 58.0, 39.0]),
            group("random_decode", &[12.4, 57.0, 18.6]),
            group("random_scatter", &[6.1, 55.5, 0.0]),
        ],
        limits: vec![(10.0, "target 10 tok/s".to_owned())],
    };
    let cost = GroupedBars {
        title: "Arithmetic per vector".to_owned(),
        axis: Axis::log("operations per vector of 256"),
        series: ["adds", "multiplies"].map(String::from).to_vec(),
        groups: vec![
            Group { label: "Hadamard".to_owned(), values: vec![Some(2_048.0.into()), Some(256.0.into())] },
            Group {
                label: "dense rotation".to_owned(),
                values: vec![Some(65_280.0.into()), Some(65_536.0.into())],
            },
            Group {
                label: "Cl(3,0) rotors".to_owned(),
                values: vec![Some(630.0.into()), Some(1_275.0.into())],
            },
        ],
        limits: Vec::new(),
    };
    vec![("tok/s", Box::new(rates)), ("cost", Box::new(cost))]
}

fn maps() -> Vec<(&'static str, Box<dyn Drawing>)> {
    let layers = 30_u32;
    let error = |row: f64, layer: u32| 0.004 * (1.0 + row * 3.0) * (1.0 + f64::from(layer % 7) * 2.4);
    let heat = HeatMap {
        title: "Key and value error by layer".to_owned(),
        quantity: "normalised MSE".to_owned(),
        rows: ["K, 4 bits", "V, 4 bits", "K, 2 bits", "V, 2 bits"].map(String::from).to_vec(),
        columns: (0..layers).map(|layer| layer.to_string()).collect(),
        cells: (0..4).map(|r| (0..layers).map(|l| error(f64::from(r), l).into()).collect()).collect(),
        spread: Spread::Log,
    };
    let verdict = |headroom: f64| Cell {
        value: Some(headroom),
        text: Some(
            if headroom > 0.0 {
                "resident"
            } else if headroom > -500.0 {
                "mmap"
            } else {
                "no"
            }
            .to_owned(),
        ),
    };
    let devices = ["Pi 5 8 GB", "Pixel 8", "iPhone 15", "Jetson Orin", "laptop 16 GB"];
    let matrix = HeatMap {
        title: "Models by device".to_owned(),
        quantity: "headroom, MiB".to_owned(),
        rows: ["gemma-like-2b", "gemma-like-4b", "qwen-like-1.5b", "llama-like-3b"]
            .map(String::from)
            .to_vec(),
        columns: devices.map(String::from).to_vec(),
        cells: (0..4)
            .map(|r| {
                (0..5).map(|c| verdict(f64::from(c) * 400.0 - f64::from(r * r) * 180.0 - 300.0)).collect()
            })
            .collect(),
        spread: Spread::Linear,
    };
    let plain = HeatMap {
        title: "Error by source".to_owned(),
        quantity: "relative error, %".to_owned(),
        rows: ["Gaussian", "heavy tail", "outlier channels", "low rank"].map(String::from).to_vec(),
        columns: ["2 bits", "3 bits", "4 bits", "6 bits", "8 bits"].map(String::from).to_vec(),
        cells: (1..5)
            .map(|r| (0..5).map(|c| (f64::from(r) * 9.7 * 0.27_f64.powi(c)).into()).collect())
            .collect(),
        spread: Spread::Log,
    };
    vec![("layers", Box::new(heat)), ("matrix", Box::new(matrix)), ("sources", Box::new(plain))]
}

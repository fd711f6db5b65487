//! Sweep rows as drawings.

use dhurandhar_chart::{Axis, Group, GroupedBars, Line, LineChart, Value};
use dhurandhar_core::codec::CodecKind;
use dhurandhar_core::codec::sweep::SweepRow;
use dhurandhar_core::work::Costs;

/// Error over true bits: a line a codec, the theory where there is one, and 4^-b.
pub(crate) fn quality(rows: &[(usize, SweepRow)]) -> LineChart {
    let mut codecs: Vec<CodecKind> = rows.iter().map(|(_, row)| row.codec).collect();
    codecs.dedup();
    let of = |codec: CodecKind| rows.iter().map(|(_, row)| row).filter(move |row| row.codec == codec);
    let line = |codec: &CodecKind| {
        Line::new(codec.name(), &of(*codec).map(|row| (row.true_bits, row.quality.nmse)).collect::<Vec<_>>())
    };
    let mut lines: Vec<Line> = codecs.iter().map(line).collect();
    if let Some((at, codec)) =
        codecs.iter().enumerate().find(|(_, codec)| of(**codec).any(|row| row.theory_nmse.is_some()))
    {
        let theory = of(*codec).filter_map(|row| Some((row.true_bits, row.theory_nmse?)));
        let theory = Line::theory("theory", &theory.collect::<Vec<_>>());
        lines.push(Line { colour_of: Some(at), ..theory });
    }
    if let Some(codec) = codecs.first() {
        let bound = of(*codec).map(|row| (f64::from(row.bits), row.four_to_minus_bits));
        lines.push(Line::theory("4^\u{2212}b", &bound.collect::<Vec<_>>()));
    }
    LineChart {
        title: "Error by stored bits".to_owned(),
        x: Axis::linear("true bits per channel"),
        y: Axis::log("normalised MSE"),
        lines,
        limits: Vec::new(),
    }
}

/// Error of each codec on each source; `names` are the parts' sources.
pub(crate) fn comparison(rows: &[(usize, SweepRow)], codecs: &[CodecKind], names: &[&str]) -> GroupedBars {
    let value = |part: usize, codec: CodecKind| {
        let row = rows.iter().find(|(at, row)| *at == part && row.codec == codec);
        row.map(|(_, row)| Value::from(row.quality.nmse))
    };
    let group = |(part, name): (usize, &&str)| Group {
        label: (*name).to_owned(),
        values: codecs.iter().map(|codec| value(part, *codec)).collect(),
    };
    GroupedBars {
        title: "Error at equal true bits".to_owned(),
        axis: Axis::log("normalised MSE"),
        series: codecs.iter().map(|codec| codec.name().to_owned()).collect(),
        groups: names.iter().enumerate().map(group).collect(),
        limits: Vec::new(),
    }
}

/// Adds and multiplies of each rotation.
pub(crate) fn costs(costs: &Costs) -> GroupedBars {
    let group = |(codec, operations): &(CodecKind, dhurandhar_core::codec::cost::Operations)| Group {
        label: codec.name().to_owned(),
        values: vec![
            Some(Value::from(operations.adds as f64)),
            Some(Value::from(operations.multiplies as f64)),
        ],
    };
    GroupedBars {
        title: "Operations of one rotation".to_owned(),
        axis: Axis::from_zero("operations per vector"),
        series: vec!["adds".to_owned(), "multiplies".to_owned()],
        groups: costs.codecs.iter().map(group).collect(),
        limits: Vec::new(),
    }
}

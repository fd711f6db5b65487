//! The figures of the article on codecs: quality, outliers, true bits, arithmetic, and the paper's errata.

use std::ops::ControlFlow;

use anyhow::Result;
use dhurandhar_chart::{Axis, Group, GroupedBars, Line, LineChart, Value};
use dhurandhar_core::codec::cost::{Operations, operations, published_rotor, published_turbo};
use dhurandhar_core::codec::rotation::RotationKind;
use dhurandhar_core::codec::scalar::Law;
use dhurandhar_core::codec::sweep::{SweepRequest, SweepRow, sweep_source};
use dhurandhar_core::codec::theory;
use dhurandhar_core::codec::{CodecKind, Source};
use maud::{Markup, html};

use super::table::table;
use crate::pages::{data, figure, significant};

/// Enough vectors for two digits, few enough for a build that nobody waits for.
const VECTORS: usize = 512;

fn rows(source: Source, dim: usize, codecs: &[CodecKind], bits: &[u32]) -> Result<Vec<SweepRow>> {
    let request =
        SweepRequest { codecs: codecs.to_vec(), bits: bits.to_vec(), dim, ..SweepRequest::default() };
    Ok(sweep_source(request, source, VECTORS, 42, |_| ControlFlow::Continue(()))?)
}

pub(super) fn quality() -> Result<Markup> {
    use CodecKind::{Rotorquant, SeedRotor, SeedTurbo, Turboquant};
    let shown = [
        (Turboquant, "TurboQuant"),
        (Rotorquant, "RotorQuant"),
        (SeedTurbo, "TurboQuant of version 0.1"),
        (SeedRotor, "RotorQuant of version 0.1"),
    ];
    let rows = rows(Source::SeedHeavyTail, 256, &shown.map(|(kind, _)| kind), &[2, 3, 4, 5, 6])?;
    let points = |kind: CodecKind, y: fn(&SweepRow) -> Option<f64>| -> Vec<(f64, f64)> {
        rows.iter().filter(|row| row.codec == kind).filter_map(|row| Some((row.true_bits, y(row)?))).collect()
    };
    let mut lines = vec![Line::theory("theory", &points(Turboquant, |row| row.theory_nmse))];
    lines.extend(shown.map(|(kind, name)| Line::new(name, &points(kind, |row| Some(row.quality.nmse)))));
    let drawing = LineChart {
        title: "Error by true bits, on the test tensor of dhurandhar 0.1.2, d = 256".to_owned(),
        x: Axis::linear("true bits per channel"),
        y: Axis::log("normalised MSE"),
        lines,
        limits: Vec::new(),
    };
    let line = |row: &SweepRow| {
        let name = shown.iter().find(|(kind, _)| *kind == row.codec).map_or("", |(_, name)| *name);
        vec![
            format!("{name}, {}", row.bits),
            row.true_bits.to_string(),
            format!("{:.2}", row.ratio_to_bf16),
            significant(row.quality.nmse),
            row.theory_nmse.map_or_else(|| "–".to_owned(), significant),
            format!("{:.4}", row.quality.cosine),
            format!("{:.3}", row.quality.norm_ratio),
        ]
    };
    let head = [
        "Codec, bits",
        "True bits",
        "Times smaller than bf16",
        "Normalised MSE",
        "Theory",
        "Cosine",
        "Norm ratio",
    ];
    Ok(html! {
        (figure(&drawing, "codec-quality"))
        (data(&table(&head, rows.iter().map(line))))
    })
}

pub(super) fn outliers() -> Result<Markup> {
    use CodecKind::{HadamardRotor, Isoquant, Planarquant, Rotorquant, Turboquant, TurboquantDense};
    let shown = [
        (Turboquant, "Hadamard"),
        (TurboquantDense, "dense"),
        (Planarquant, "pairs"),
        (Rotorquant, "triples"),
        (Isoquant, "fours"),
        (HadamardRotor, "Hadamard, then triples"),
    ];
    let sources = [
        (Source::Gaussian, "isotropic"),
        (Source::LowRank, "low rank"),
        (Source::SeedHeavyTail, "heavy tail"),
        (Source::OutlierChannels, "four outlier channels"),
        (Source::ChannelBias, "two biased channels"),
        (Source::Sparse, "one entry"),
    ];
    let theory = Turboquant.theory_nmse(128, 4);
    let mut groups = Vec::new();
    for (source, label) in sources {
        let rows = rows(source, 128, &shown.map(|(kind, _)| kind), &[4])?;
        let value = |row: &SweepRow| Some(Value { value: row.quality.nmse, range: None });
        groups.push(Group { label: label.to_owned(), values: rows.iter().map(value).collect() });
    }
    let drawing = GroupedBars {
        title: "Error at 4 bits by kind of vector and rotation, d = 128".to_owned(),
        axis: Axis::log("normalised MSE"),
        series: shown.iter().map(|(_, name)| (*name).to_owned()).collect(),
        limits: theory
            .map(|theory| (theory, format!("theory {}", significant(theory))))
            .into_iter()
            .collect(),
        groups,
    };
    let mut names = vec!["Vectors"];
    names.extend(shown.iter().map(|(_, name)| *name));
    Ok(html! {
        (figure(&drawing, "codec-outliers"))
        (data(&table(&names, drawing.groups.iter().map(|group| {
            let values = group.values.iter().flatten().map(|value| significant(value.value));
            std::iter::once(group.label.clone()).chain(values).collect()
        }))))
    })
}

/// What centring and the unbiased scale do for keys with constant offsets.
pub(super) fn keys() -> Result<Markup> {
    use CodecKind::{CentredKeys, Rotorquant, Turboquant, TurboquantUnbiased};
    let shown = [
        (Turboquant, "TurboQuant"),
        (TurboquantUnbiased, "TurboQuant, unbiased scale"),
        (CentredKeys, "TurboQuant, unbiased scale, centred"),
        (Rotorquant, "RotorQuant"),
    ];
    let rows = rows(Source::ChannelBias, 128, &shown.map(|(kind, _)| kind), &[3, 4])?;
    let lines = shown.iter().flat_map(|(kind, name)| {
        rows.iter().filter(move |row| row.codec == *kind).map(move |row| {
            vec![
                format!("{name}, {} bits", row.bits),
                row.true_bits.to_string(),
                significant(row.quality.nmse),
                significant(row.inner_product.scaled_mean_square),
            ]
        })
    });
    Ok(table(
        &[
            "Keys with two biased channels, d = 128",
            "True bits",
            "Normalised MSE",
            "d × mean square error of a logit",
        ],
        lines,
    ))
}

pub(super) fn true_bits() -> Result<Markup> {
    let shown = [
        (CodecKind::SeedTurbo, vec![2, 3, 4, 6, 8]),
        (CodecKind::SeedRotor, vec![4]),
        (CodecKind::TurboquantMixed, vec![2, 3]),
        (CodecKind::Turboquant, vec![2, 3, 4]),
        (CodecKind::TurboquantProd, vec![3, 4]),
    ];
    let mut lines = Vec::new();
    for (kind, bits) in
        shown.into_iter().flat_map(|(kind, widths)| widths.into_iter().map(move |bits| (kind, bits)))
    {
        let mut cells = vec![
            format!("{}, {bits} bits", kind.name()),
            kind.published_label(bits).unwrap_or_else(|| "–".to_owned()),
        ];
        for dim in [64, 128, 256] {
            cells.push(kind.build(dim, bits, &[], 0)?.bits_per_channel().to_string());
        }
        cells.push(format!("{:.2}", kind.build(256, bits, &[], 0)?.layout().ratio_to_bf16()));
        lines.push(cells);
    }
    let head =
        ["Codec", "Published as", "Stored, d = 64", "d = 128", "d = 256", "Times smaller than bf16, d = 256"];
    Ok(table(&head, lines))
}

pub(super) fn cost() -> Result<Markup> {
    let shown = [
        ("dense matrix", RotationKind::Dense),
        ("Hadamard, one round", RotationKind::Hadamard { rounds: 1 }),
        ("Hadamard, two rounds", RotationKind::Hadamard { rounds: 2 }),
        ("rotors as 3 × 3 matrices", RotationKind::Rotor),
        ("quaternions from the left", RotationKind::Quaternion),
        ("Givens pairs", RotationKind::Planar),
        ("Hadamard, then rotors", RotationKind::HadamardRotor),
    ];
    let number = |n: u64| significant(n as f64);
    let mut lines = Vec::new();
    for (name, kind) in shown {
        let Operations { adds, multiplies, parameter_bits } = operations(kind, 128)?;
        lines.push(vec![name.to_owned(), number(adds), number(multiplies), number(parameter_bits)]);
    }
    let head = ["Rotation, d = 128", "Adds", "Multiplies", "Parameter bits"];
    Ok(html! {
        (table(&head, lines))
        (table(&["Published by dhurandhar 0.1.2 as “FMA”", "d = 128", "d = 256", "What it counts"], [
            vec!["TurboQuant".to_owned(), number(published_turbo(128)), number(published_turbo(256)), "additions of one Hadamard round".to_owned()],
            vec!["RotorQuant".to_owned(), number(published_rotor(128)), number(published_rotor(256)), "multiply-adds, 15 a whole triple".to_owned()],
        ]))
    })
}

pub(super) fn inner_products() -> Result<Markup> {
    let mut lines = Vec::new();
    for bits in 1..=5 {
        let variance = theory::inner_product_variance(bits)?;
        lines.push(vec![
            bits.to_string(),
            significant(variance.prod),
            significant(variance.unbiased),
            significant(variance.biased),
        ]);
    }
    Ok(table(&["Bits in all", "TurboQuant_prod", "unbiased scale", "paper's scale, bias not counted"], lines))
}

pub(super) fn errata() -> Result<Markup> {
    let five = |value: f64| format!("{value:.5}");
    let distortion = |bits| theory::distortion(Law::Gaussian, bits).map(five);
    let prod = |bits| theory::inner_product_variance(bits).map(|variance| five(variance.prod));
    let mixed = |scales| format!("{:.2}", theory::mixed_bits(128, 32, 2, scales));
    let line = |what: &str, printed: &str, right: String, why: &str| {
        vec![what.to_owned(), printed.to_owned(), right, why.to_owned()]
    };
    Ok(table(
        &["Value", "Printed", "Computed", "Why they differ"],
        [
            line("Distortion at 1 bit", "0.36", distortion(1)?, "rounded"),
            line("Distortion at 2 bits", "0.117", distortion(2)?, "rounded"),
            line(
                "Distortion at 3 bits",
                "0.03",
                distortion(3)?,
                "truncated: a correct codec exceeds the printed figure",
            ),
            line("Distortion at 4 bits", "0.009", distortion(4)?, "truncated"),
            line(
                "d × variance, prod, 2 bits",
                "0.56",
                prod(2)?,
                "limit of large d; the sketch at finite d is slightly lower",
            ),
            line("d × variance, prod, 3 bits", "0.18", prod(3)?, "rounded"),
            line("d × variance, prod, 4 bits", "0.047", prod(4)?, "π/2 times the truncated 0.03"),
            line("32 channels at 3 bits, 96 at 2", "2.5", mixed(0), "codes alone"),
            line("the same with two f16 scales", "–", mixed(2), "what makes the label true"),
            line(
                "Lower bound at d = 2, 2 bits",
                "0.0625",
                five(theory::circle_distortion(2)),
                "16 arcs of a circle beat the bound that is said to hold for every d",
            ),
        ],
    ))
}

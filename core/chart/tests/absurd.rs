//! Whatever the data, a chart is finite, its texts lie inside it, and its SVG is well-formed.

use dhurandhar_chart::{
    Axis, Bar, Budget, Cell, Drawing, Estimate, Group, GroupedBars, HeatMap, Limit, Line, LineChart,
    LinePoint, LineStyle, MemoryBars, Segment, Shape, Spread, Theme, Value, paint, svg,
};
use plotters_svg::SVGBackend;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        Just(-0.0),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(1e18),
        Just(f64::MAX),
        Just(f64::MIN_POSITIVE),
        -10.0..10.0,
        0.0..1e12,
        any::<f64>(),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9 .-]{0,24}", Just("模型 <&\"> \u{0}\u{7} 🦀".to_owned()), "[A-Z]{60,90}"]
}

fn range() -> impl Strategy<Value = Option<(f64, f64)>> {
    option::of((number(), number()))
}

fn axis() -> impl Strategy<Value = Axis> {
    let spread = prop_oneof![Just(Spread::Linear), Just(Spread::Log), Just(Spread::Percentile)];
    (name(), spread, any::<bool>()).prop_map(|(label, spread, from_zero)| Axis { label, spread, from_zero })
}

fn check(drawing: &dyn Drawing, width: f64) -> Result<(), TestCaseError> {
    let scene = drawing.scene(width, &Estimate);
    prop_assert!(scene.height.is_finite() && scene.height < 100_000.0);
    let finite = |points: &[(f64, f64)]| points.iter().all(|(x, y)| x.is_finite() && y.is_finite());
    for shape in &scene.shapes {
        let fine = match shape {
            Shape::Rect { area, .. } => {
                finite(&[(area.x, area.y), (area.width, area.height)])
                    && area.x > -8.0
                    && area.right() < scene.width + 8.0
            }
            Shape::Line { points, .. } | Shape::Polygon { points, .. } => finite(points),
            Shape::Disc { centre, radius, .. } => finite(&[*centre, (*radius, 0.0)]),
            Shape::Text(label) => {
                let area = label.bounds(&Estimate);
                area.x > -1.0
                    && area.right() < scene.width + 1.0
                    && area.y > -1.0
                    && area.bottom() <= scene.height
            }
        };
        prop_assert!(fine, "{shape:?} in {} x {}", scene.width, scene.height);
    }
    prop_assert!(drawing.summary().ends_with('.'));
    let text = svg::inline(drawing, width, "c");
    prop_assert!(roxmltree::Document::parse(&text).is_ok());
    prop_assert!(!text.contains("NaN") && !text.contains("inf\""));
    let mut painted = String::new();
    let mut backend = SVGBackend::with_string(&mut painted, (600, 400));
    prop_assert!(paint(&scene, &mut backend, &Theme::dark().scaled(1.5)).is_ok());
    Ok(())
}

prop_compose! {
    fn bar()(label in name(), parts in vec((name(), number(), any::<bool>()), 0..60), interval in range()) -> Bar {
        let segments = parts.into_iter().map(|(name, bytes, mapped)| Segment { name, bytes, mapped, series: None }).collect();
        Bar { label, segments, interval }
    }
}

prop_compose! {
    fn line()(
        name in name(),
        points in vec((number(), number(), range()), 0..40),
        style in prop_oneof![Just(LineStyle::Joined), Just(LineStyle::Theory), Just(LineStyle::Points)],
        colour_of in option::of(0_usize..9),
    ) -> Line {
        let points = points.into_iter().map(|(x, y, range)| LinePoint { x, y, range }).collect();
        Line { name, points, style, colour_of }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_bars(
        title in name(),
        bars in vec(bar(), 0..6),
        budgets in vec((name(), number()), 0..5),
        width in 200.0..1_300.0,
    ) {
        let budgets = budgets.into_iter().map(|(label, bytes)| Budget { label, bytes }).collect();
        check(&MemoryBars { title, bars, budgets }, width)?;
    }

    #[test]
    fn line_charts(
        x in axis(),
        y in axis(),
        lines in vec(line(), 0..10),
        limits in vec((any::<bool>(), number(), name()), 0..4),
        width in 200.0..1_300.0,
    ) {
        let limit = |(upright, at, text)| if upright { Limit::X(at, text) } else { Limit::Y(at, text) };
        let limits = limits.into_iter().map(limit).collect();
        check(&LineChart { title: "t".to_owned(), x, y, lines, limits }, width)?;
    }

    #[test]
    fn grouped_bars(
        axis in axis(),
        series in vec(name(), 0..12),
        groups in vec((name(), vec(option::of((number(), range())), 0..14)), 0..6),
        limits in vec((number(), name()), 0..4),
        width in 200.0..1_300.0,
    ) {
        let value = |value: Option<(f64, _)>| value.map(|(value, range)| Value { value, range });
        let group = |(label, values): (String, Vec<_>)| Group { label, values: values.into_iter().map(value).collect() };
        let groups = groups.into_iter().map(group).collect();
        check(&GroupedBars { title: "t".to_owned(), axis, series, groups, limits }, width)?;
    }

    #[test]
    fn heat_maps(
        quantity in name(),
        rows in vec(name(), 0..30),
        columns in vec(name(), 0..30),
        cells in vec(vec((option::of(number()), option::of(name())), 0..30), 0..30),
        spread in prop_oneof![Just(Spread::Linear), Just(Spread::Log)],
        width in 200.0..1_300.0,
    ) {
        let cell = |(value, text)| Cell { value, text };
        let cells = cells.into_iter().map(|row| row.into_iter().map(cell).collect()).collect();
        check(&HeatMap { title: "t".to_owned(), quantity, rows, columns, cells, spread }, width)?;
    }

    #[test]
    fn any_width_is_brought_into_range(width in any::<f64>()) {
        let scene = MemoryBars::default().scene(width, &Estimate);
        prop_assert!((200.0..=4_000.0).contains(&scene.width));
    }
}

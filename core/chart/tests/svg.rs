//! The SVG of every chart: well-formed, free of inline styles, complete, and the same bytes everywhere.

#[path = "../examples/gallery/charts.rs"]
mod charts;

use std::collections::HashSet;

use dhurandhar_chart::{Drawing, Estimate, Theme, paint, svg};
use plotters_svg::SVGBackend;

const WIDTHS: [f64; 5] = [320.0, 480.0, 560.0, 760.0, 1_200.0];

fn each(mut check: impl FnMut(&str, &dyn Drawing)) {
    for (name, drawing) in charts::all() {
        check(name, drawing.as_ref());
    }
}

#[test]
fn inline_svg_is_an_image_with_a_name_and_no_styles() {
    each(|name, drawing| {
        let text = svg::responsive(drawing, "c1");
        let document = roxmltree::Document::parse(&text).unwrap();
        let mut ids = HashSet::new();
        for node in document.descendants().filter(roxmltree::Node::is_element) {
            assert!(node.attribute("style").is_none(), "{name}");
            assert!(node.attribute("id").is_none_or(|id| ids.insert(id.to_owned())), "{name}: id twice");
        }
        let images = document.descendants().filter(|node| node.tag_name().name() == "svg");
        for image in images {
            assert_eq!(image.attribute("role"), Some("img"));
            let named: Vec<&str> = image.attribute("aria-labelledby").unwrap().split(' ').collect();
            assert!(named.len() == 2 && named.iter().all(|id| ids.contains(*id)), "{name}");
            let first: Vec<_> = image.children().take(2).filter_map(|node| node.text()).collect();
            assert_eq!(first, [drawing.title(), drawing.summary().as_str()]);
        }
        // Every colour follows the page: none is written out.
        assert!(!text.contains("fill=\"#") && !text.contains("stroke=\"#"), "{name}");
    });
}

#[test]
fn every_reference_to_a_pattern_has_its_pattern() {
    each(|name, drawing| {
        let text = svg::inline(drawing, 760.0, "a b&c");
        for reference in text.split("url(#").skip(1) {
            let id = reference.split(')').next().unwrap();
            assert!(text.contains(&format!("<pattern id=\"{id}\"")), "{name}: {id}");
        }
    });
}

#[test]
fn standalone_svg_carries_its_own_colours() {
    each(|name, drawing| {
        let text = svg::standalone(drawing, 760.0, &Theme::dark());
        assert!(roxmltree::Document::parse(&text).is_ok(), "{name}");
        assert!(!text.contains("var(") && text.contains("#14171b"), "{name}");
    });
}

#[test]
fn labels_lie_inside_and_apart_at_every_width() {
    each(|name, drawing| {
        for width in WIDTHS {
            let scene = drawing.scene(width, &Estimate);
            let labels: Vec<_> = scene.labels().map(|label| (label, label.bounds(&Estimate))).collect();
            for (i, (label, area)) in labels.iter().enumerate() {
                let inside = area.x > -0.6 && area.y > -0.6 && area.right() < width + 0.6;
                assert!(
                    inside && area.bottom() < scene.height + 0.6,
                    "{name} {width}: {} {area:?}",
                    label.text
                );
                for (other, place) in &labels[i + 1..] {
                    assert!(!area.overlaps(*place), "{name} {width}: {} and {}", label.text, other.text);
                }
            }
        }
    });
}

#[test]
fn the_bytes_are_known() {
    for (name, drawing) in charts::all() {
        if ["several", "tok/s", "matrix"].contains(&name) {
            let text = svg::inline(drawing.as_ref(), svg::NARROW, "chart").replace("><", ">\n<");
            let file = format!("tests/snapshots/{}.svg", name.replace('/', "-per-"));
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            let known = snapbox::Data::read_from(&path, Some(snapbox::data::DataFormat::Text));
            snapbox::Assert::new().action_env("SNAPSHOTS").eq(text, known.raw());
        }
    }
}

#[test]
fn any_plotters_backend_shows_the_same_labels() {
    each(|name, drawing| {
        let scene = drawing.scene(600.0, &Estimate);
        let mut text = String::new();
        let height = u32::try_from(dhurandhar_chart::number::whole((scene.height * 2.0).ceil())).unwrap();
        let mut backend = SVGBackend::with_string(&mut text, (1_200, height));
        paint(&scene, &mut backend, &Theme::light().scaled(2.0)).unwrap();
        drop(backend);
        let document = roxmltree::Document::parse(&text).unwrap();
        let written: Vec<&str> =
            document.descendants().filter_map(|node| node.text()).map(str::trim).collect();
        for label in scene.labels() {
            assert!(written.contains(&label.text.trim()), "{name}: {}", label.text);
        }
    });
}

#[test]
fn markup_in_names_is_escaped() {
    let chart = dhurandhar_chart::MemoryBars {
        title: "<script>alert(1)</script> & \u{1} \"quoted\"".to_owned(),
        bars: vec![dhurandhar_chart::Bar {
            label: "</svg><img onerror=x>".to_owned(),
            segments: vec![dhurandhar_chart::Segment {
                name: "a<b".to_owned(),
                bytes: 5e8,
                mapped: true,
                series: None,
            }],
            interval: None,
        }],
        budgets: Vec::new(),
    };
    let text = svg::inline(&chart, 600.0, "\"><x");
    let document = roxmltree::Document::parse(&text).unwrap();
    let title = document.descendants().find(|node| node.tag_name().name() == "title").unwrap();
    assert_eq!(title.text(), Some("<script>alert(1)</script> &  \"quoted\""));
    assert!(!text.contains("<script") && !text.contains("<img"));
}

#[test]
fn every_name_that_a_chart_is_given_is_in_its_text() {
    let given = [
        ("several", &["decoder weights", "PLE table", "small-1b", "PLE mapped", "phone", "laptop"][..]),
        ("quality", &["TurboQuant", "RotorQuant", "theory", "true bits per channel", "normalised MSE"]),
        ("tok/s", &["cold", "warm", "under budget", "random_scatter", "target 10 tok/s"]),
        ("matrix", &["gemma-like-2b", "laptop 16 GB", "resident", "headroom, MiB"]),
    ];
    for (name, drawing) in charts::all() {
        for text in given.iter().filter(|(chart, _)| *chart == name).flat_map(|(_, texts)| *texts) {
            for width in [svg::NARROW, svg::WIDE] {
                assert!(svg::inline(drawing.as_ref(), width, "c").contains(text), "{name} {width}: {text}");
            }
        }
    }
}

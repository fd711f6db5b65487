//! Writes a page with every chart, wide and narrow, light and dark, to the file named by the first argument.

mod charts;

use std::process::ExitCode;

use dhurandhar_chart::{svg, theme};

fn page() -> String {
    let mut html = String::from("<!doctype html><meta charset=\"utf-8\"><title>Gallery</title><style>");
    html.push_str(&theme::stylesheet());
    html.push_str(
        ".sheet{background:var(--chart-surface);color:var(--chart-ink);font:14px/1.5 system-ui,sans-serif;\
         padding:24px}body{margin:0}h2{font-size:14px;margin:28px 0 10px}.n{width:320px}.w{max-width:1200px}\
         .chart{max-width:none}</style>",
    );
    let all = charts::all();
    for scheme in ["light", "dark"] {
        for (class, width) in [("w", 1_200.0), ("n", 320.0)] {
            html.push_str(&format!("<div id=\"{scheme}-{class}\" class=\"sheet\" data-theme=\"{scheme}\">"));
            for (index, (name, drawing)) in all.iter().enumerate() {
                let svg = svg::inline(drawing.as_ref(), width, &format!("{scheme}-{class}-{index}"));
                let summary = drawing.summary();
                html.push_str(&format!("<h2>{name}</h2><div class=\"{class}\">{svg}</div><p>{summary}</p>"));
            }
            html.push_str("</div>");
        }
    }
    html
}

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: gallery FILE.html");
        return ExitCode::from(2);
    };
    match std::fs::write(&path, page()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{path}: {error}");
            ExitCode::FAILURE
        }
    }
}

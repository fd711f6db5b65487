//! What heat leaves of a speed: published runs of ten minutes, or what the device states.

use super::Estimate;
use crate::device::{Device, Form};
use crate::leaf::number::padded;
use crate::memory::Runtime;
use serde::Serialize;

/// `profiles/speed/sustained.csv`.
const TABLE: &str = include_str!("../../../profiles/speed/sustained.csv");

/// Decoding after ten minutes of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sustained {
    /// Tokens a second; none where no share is known for the device.
    pub decode_tokens_per_s: Option<Estimate>,
    /// On what that stands, or what others kept.
    pub basis: String,
}

/// A published run.
struct Run<'a> {
    device: &'a str,
    runtime: &'a str,
    share: f64,
}

fn runs() -> Vec<Run<'static>> {
    let rows = TABLE.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    rows.filter_map(|row| match row.as_slice() {
        [device, runtime, _, _, _, burst, sustained, ..] => {
            let share = sustained.parse::<f64>().ok()? / burst.parse::<f64>().ok()?;
            Some(Run { device, runtime, share })
        }
        _ => None,
    })
    .collect()
}

/// The least and the most of some shares.
fn range(shares: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    shares.fold(None, |ends, share| {
        Some(ends.map_or((share, share), |(low, high): (f64, f64)| (low.min(share), high.max(share))))
    })
}

impl Sustained {
    /// Of a device that decodes at `speed` when it is cool; none for those that nothing is known of and that have fans.
    pub(super) fn of(device: &Device, runtime: Runtime, speed: Estimate) -> Option<Self> {
        let between = |(low, high): (f64, f64)| Estimate {
            low: speed.low * low,
            expected: speed.expected * (low + high) / 2.0,
            high: speed.high * high,
        };
        let percent = |(low, high): (f64, f64)| {
            let (low, high) = (low * 100.0, high * 100.0);
            let [from, to] = [low, high].map(|share| padded(share, 0));
            if high - low < 0.5 { format!("{from} %") } else { format!("{from} to {to} %") }
        };
        if let Some(share) = device.sustained_share {
            let basis = format!("{} of it, as stated for the device", percent((share, share)));
            return Some(Self { decode_tokens_per_s: Some(between((share, share))), basis });
        }
        let runs = runs();
        let own = |run: &&Run<'_>| run.device == device.name;
        let same = || runs.iter().filter(own).filter(|run| run.runtime == runtime.name());
        let (count, found) = match range(same().map(|run| run.share)) {
            Some(ends) => (same().count(), Some(ends)),
            None => (runs.iter().filter(own).count(), range(runs.iter().filter(own).map(|run| run.share))),
        };
        if let Some(ends) = found {
            let basis = format!(
                "{} of it, in {count} published run{}",
                percent(ends),
                if count == 1 { "" } else { "s" }
            );
            return Some(Self { decode_tokens_per_s: Some(between(ends)), basis });
        }
        if device.form != Form::Phone {
            return None;
        }
        let all = range(runs.iter().map(|run| run.share))?;
        let basis = format!("not known for this phone; one whose runs are published kept {}", percent(all));
        Some(Self { decode_tokens_per_s: None, basis })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::registry;

    const SPEED: Estimate = Estimate { low: 40.0, expected: 50.0, high: 60.0 };

    #[test]
    fn every_published_run_is_of_a_built_in_device_and_slower_when_hot() {
        let lines = TABLE.lines().count() - 1;
        let runs = runs();
        assert_eq!(runs.len(), lines);
        for run in runs {
            assert!(registry::slugs().any(|slug| slug == run.device) && run.share > 0.0 && run.share < 1.0);
        }
    }

    #[test]
    fn a_share_is_stated_or_published_or_not_known() {
        let of = |slug: &str, runtime| Sustained::of(&registry::device(slug).unwrap(), runtime, SPEED);
        let mlx = of("iphone-17-pro", Runtime::Mlx).unwrap();
        // 18 of 48 tokens a second.
        assert!((mlx.decode_tokens_per_s.unwrap().expected - 50.0 * 18.0 / 48.0).abs() < 1e-9, "{mlx:?}");
        assert_eq!(mlx.basis, "38 % of it, in 1 published run");
        let other = of("iphone-17-pro", Runtime::LlamaCpp).unwrap();
        assert_eq!(other.basis, "38 to 67 % of it, in 3 published runs");
        let unknown = of("pixel-9a", Runtime::LlamaCpp).unwrap();
        assert!(unknown.decode_tokens_per_s.is_none() && unknown.basis.contains("not known"));
        assert!(of("raspberry-pi-5-4gb", Runtime::LlamaCpp).is_none());
        let stated = Device { sustained_share: Some(0.5), ..registry::device("pixel-9a").unwrap() };
        let stated = Sustained::of(&stated, Runtime::LlamaCpp, SPEED).unwrap();
        assert!(
            (stated.decode_tokens_per_s.unwrap().low - 20.0).abs() < 1e-9 && stated.basis.starts_with("50 %")
        );
    }
}

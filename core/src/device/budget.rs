//! How much of its memory a device leaves to one app, where nobody has stated it.
//!
//! Shares of physical memory by operating system: estimates, drawn below the points where apps were seen to be
//! killed.

use super::{Os, Source, SourceKind};

/// Gigabytes (2^30) up to which a share of Android's memory applies, and the share.
const ANDROID: [(u64, f64); 4] = [(4, 0.25), (6, 0.33), (8, 0.40), (u64::MAX, 0.50)];

/// What a Linux system without a desktop keeps for itself, in MiB.
const LINUX_RESERVE_MIB: f64 = 614.0;

/// MiB that one app may use on a device with `ram_mib` MiB of memory, and the rule in words.
pub fn default_budget_mib(os: Os, ram_mib: u64) -> (f64, Source) {
    let ram = ram_mib as f64;
    let share = |share: f64, whose: &str| {
        ((ram * share).round(), format!("{:.0} % of memory, the share assumed for {whose}", share * 100.0))
    };
    let (mib, text) = match os {
        Os::Android => {
            let rule = ANDROID.iter().find(|(gib, _)| ram_mib <= gib.saturating_mul(1024));
            share(rule.map_or(0.5, |(_, share)| *share), "an Android app of this memory class")
        }
        Os::Ios => share(0.45, "an iOS app without the increased-memory entitlement"),
        Os::Macos => share(0.67, "macOS, the limit of memory wired for the GPU"),
        Os::Windows => share(0.62, "Windows beside its own processes"),
        Os::Linux => (
            (ram - LINUX_RESERVE_MIB).max(ram / 2.0).round(),
            "memory less 0.6 GiB for a Linux system without a desktop".to_owned(),
        ),
        Os::Other => share(0.5, "an unnamed operating system"),
    };
    (mib, Source { kind: SourceKind::Estimate, text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn android_shares_grow_with_the_memory_class() {
        let budget = |gib: u64| default_budget_mib(Os::Android, gib * 1024).0;
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1.0, "{found}");
        close(budget(4), 1024.0);
        close(budget(6), 2028.0);
        close(budget(8), 3277.0);
        close(budget(12), 6144.0);
    }

    proptest! {
        #[test]
        fn a_budget_is_positive_and_within_memory(ram in 64_u64..=16_777_216, which in 0..6_usize) {
            let (mib, _) = default_budget_mib(Os::NAMES[which].1, ram);
            prop_assert!(mib > 0.0 && mib <= ram as f64);
        }
    }
}

//! Which built-in models to run on a device: by what fits and is fast enough, since nothing here knows how good a model is.
//!
//! A model counts in the largest format of [`FORMATS`] in which everything that a token reads stays in memory and the expected
//! speed reaches the wish, if it does so in the smallest, too; where a limit lies within the prediction's interval, it does not count. Models come by their number of parameters, one a family, largest first. More memory takes no model off
//! the list of those that count, and no format away from one; so the first of the list never gets smaller.

use super::fit::Mode;
use super::outlook::{Outlook, outlook};
use crate::device::Device;
use crate::leaf::named;
use crate::leaf::units::MIB;
use crate::model::registry;
use crate::speed::USES;
use crate::weights::{StockType, WeightFormat, WeightPlan};
use serde::Serialize;

/// Formats that are looked at, largest first. Below four bits, models lose more than a smaller model in four would.
const FORMATS: [StockType; 4] = [StockType::Q8_0, StockType::Q6K, StockType::Q5KM, StockType::Q4KM];
/// Fewest bits a weight of any of them, rounded down: what is larger than memory in these cannot fit.
const FEWEST_BITS: u64 = 4;

/// What a model is for. The catalogue's names say it: profiles do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Conversations.
    Chat,
    /// Programs.
    Code,
    /// Vectors of texts.
    Embed,
}

named!(Task { Chat "chat", Code "code", Embed "embed" });

impl Task {
    /// Whether the catalogue's model of this name is for it.
    pub fn suits(self, slug: &str) -> bool {
        let holds = |words: &[&str]| words.iter().any(|word| slug.contains(word));
        let embeds = holds(&["embedding"]);
        let codes = holds(&["code", "devstral"]);
        // Published as base models only.
        let completes = holds(&["pythia"]);
        // For mathematics, or with reasoning in place of conversation.
        let special = holds(&["math", "voxtral"]);
        match self {
            Self::Chat => !embeds && !codes && !completes && !special,
            Self::Code => codes,
            Self::Embed => embeds,
        }
    }

    /// The speed that is asked for when nothing is said: as fast as people read, or as an editor's suggestions are borne.
    pub fn usual_tokens_per_s(self) -> f64 {
        match self {
            Self::Chat => USES[0].tokens_per_s,
            Self::Code => USES[1].tokens_per_s,
            // An embedding model decodes nothing.
            Self::Embed => 0.0,
        }
    }
}

/// What is wished for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wish {
    /// What for.
    pub task: Task,
    /// Least expected speed, tokens a second.
    pub tokens_per_s: f64,
    /// Context, or what is usual on the device.
    pub context_tokens: Option<u64>,
}

/// A model to run.
#[derive(Debug, Clone, PartialEq)]
pub struct Recommendation {
    /// Its slug.
    pub model: String,
    /// Its name for people.
    pub title: String,
    /// Parameters of the text model.
    pub parameters: u64,
    /// The largest format in which it counts.
    pub format: WeightFormat,
    /// Bytes of its weights in that format.
    pub weight_bytes: u64,
    /// How it runs.
    pub outlook: Outlook,
}

impl Recommendation {
    /// Why it is on the list, in a sentence.
    pub fn reason(&self, wish: &Wish) -> String {
        let speed = match self.outlook.decode_tokens_per_s {
            Some(_) if wish.tokens_per_s > 0.0 => {
                format!(" with {} tok/s or more expected", wish.tokens_per_s)
            }
            _ => String::new(),
        };
        let store = if self.outlook.less_visible {
            "; but an app with it takes more memory than Google Play's threshold allows, so the store shows it less"
        } else {
            ""
        };
        format!(
            "the largest of its family that stays in memory{speed}; {} is the largest format that does{store}",
            self.format
        )
    }
}

/// At most `count` models for `device`, the first first.
pub fn recommend(device: &Device, wish: &Wish, count: usize) -> Vec<Recommendation> {
    let memory = device
        .ram_mib
        .or_else(|| device.ram_budget_bytes().map(|bytes| bytes / MIB))
        .unwrap_or(u64::MAX / MIB)
        * MIB;
    let could_fit =
        |parameters: &u64| parameters.saturating_mul(FEWEST_BITS) / 8 <= memory.saturating_add(card(device));
    let mut candidates: Vec<(u64, &str)> = registry::slugs()
        .filter(|slug| wish.task.suits(slug))
        .map(|slug| (registry::published_parameters(slug).unwrap_or(0), slug))
        .filter(|(parameters, _)| could_fit(parameters))
        .collect();
    candidates.sort_by(|one, other| other.cmp(one));
    let mut found: Vec<(String, Recommendation)> = Vec::new();
    for (_, slug) in candidates {
        if found.len() >= count {
            break;
        }
        let Ok(model) = registry::model(slug) else { continue };
        let family = &model.architecture.family;
        if found.iter().any(|(other, _)| other == family) {
            continue;
        }
        let longest = model.architecture.max_context_tokens;
        if wish.context_tokens.is_some_and(|tokens| tokens > longest) {
            continue;
        }
        let own = WeightPlan::default_format(&model);
        let usual = FORMATS.map(WeightFormat::Stock);
        // What is published in four bits gains nothing by more.
        let formats = if usual.contains(&own) { usual.to_vec() } else { vec![own] };
        let counts = |format: &WeightFormat| {
            let outlook = outlook(&model, *format, device, wish.context_tokens, wish.tokens_per_s).ok()?;
            let fast = outlook.decode_tokens_per_s.is_none_or(|speed| speed.expected >= wish.tokens_per_s);
            let stays = outlook.mode == Mode::Resident && !outlook.borderline;
            (stays && fast).then_some((*format, outlook))
        };
        // What does not run in the smallest is not looked at in others: most models end here.
        if formats.last().and_then(counts).is_none() {
            continue;
        }
        let Some((format, outlook)) = formats.iter().find_map(counts) else { continue };
        let weight_bytes = WeightPlan::new(&model, format).map_or(0, |plan| plan.text_bytes(&model));
        let recommendation = Recommendation {
            model: slug.to_owned(),
            title: model.architecture.title.clone(),
            parameters: model.parameters().text,
            format,
            weight_bytes,
            outlook,
        };
        found.push((family.clone(), recommendation));
    }
    found.into_iter().map(|(_, recommendation)| recommendation).collect()
}

/// Bytes of a card's own memory.
fn card(device: &Device) -> u64 {
    device.gpu.as_ref().and_then(|gpu| gpu.memory_mib).unwrap_or(0).saturating_mul(MIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(ram_mib: u64) -> Device {
        let text = format!(
            "name: m\nos: linux\nform: computer\nprocessor: avx2\nram_mib: {ram_mib}\ndram_bandwidth_gb_per_s: 90\ncpu_gflops: 900\nstorage: {{class: nvme-pcie-4}}\n"
        );
        Device::from_yaml("m.yaml", &text).unwrap()
    }

    fn chat() -> Wish {
        Wish { task: Task::Chat, tokens_per_s: Task::Chat.usual_tokens_per_s(), context_tokens: None }
    }

    #[test]
    fn more_memory_never_makes_the_first_smaller() {
        let mut last: Option<Recommendation> = None;
        for ram_mib in [1024, 2048, 4096, 8192, 16_384, 32_768, 65_536] {
            let all = recommend(&machine(ram_mib), &chat(), 1);
            let first = all.first().cloned();
            if let (Some(last), Some(first)) = (&last, &first) {
                assert!(
                    first.parameters >= last.parameters,
                    "{ram_mib}: {} after {}",
                    first.model,
                    last.model
                );
                if first.model == last.model {
                    assert!(first.weight_bytes >= last.weight_bytes, "{ram_mib}: {}", first.model);
                }
            }
            assert!(last.is_none() || first.is_some(), "{ram_mib}");
            last = first.or(last);
        }
        assert!(last.is_some());
    }

    /// The larger takes 3,230 MiB of anonymous memory, the threshold in the foreground is 2,304.
    #[test]
    fn what_the_store_shows_less_is_said() {
        let device = crate::device::registry::device("pixel-9a").unwrap();
        for (slug, format, less) in
            [("qwen3.5-4b", StockType::Q5KM, true), ("qwen3-0.6b", StockType::Q4KM, false)]
        {
            let model = registry::model(slug).unwrap();
            let outlook = outlook(&model, WeightFormat::Stock(format), &device, None, 1.0).unwrap();
            assert_eq!(outlook.less_visible, less, "{slug}");
        }
    }

    #[test]
    fn what_is_recommended_runs_as_it_says() {
        let device = machine(16_384);
        let found = recommend(&device, &chat(), 5);
        assert_eq!(found.len(), 5);
        let mut families: Vec<_> =
            found.iter().map(|one| registry::model(&one.model).unwrap().architecture.family).collect();
        families.sort();
        families.dedup();
        assert_eq!(families.len(), 5);
        for one in &found {
            assert_eq!(one.outlook.mode, Mode::Resident, "{}", one.model);
            assert!(one.outlook.decode_tokens_per_s.unwrap().expected >= 5.3, "{}", one.model);
            assert!(one.reason(&chat()).contains("tok/s"));
        }
        let code = Wish { task: Task::Code, ..chat() };
        assert!(
            recommend(&device, &code, 5)
                .iter()
                .all(|one| one.model.contains("cod") || one.model.contains("devstral"))
        );
        let embed = Wish { task: Task::Embed, tokens_per_s: 0.0, context_tokens: None };
        assert_eq!(recommend(&device, &embed, 5)[0].model, "qwen3-embedding-8b");
        let fast = Wish { tokens_per_s: 1e6, ..chat() };
        assert!(recommend(&device, &fast, 5).is_empty());
        let long = Wish { context_tokens: Some(1 << 40), ..chat() };
        assert!(recommend(&device, &long, 5).is_empty());
    }
}

//! How a model would run in a format on a device, without the inverse questions: for choices among many.

use super::check::Outcome;
use super::fit::Mode;
use super::fit::is_in_doubt;
use super::prospects::Prospects;
use crate::device::{Beyond, Device, Limit};
use crate::memory::Scenario;
use crate::model::Model;
use crate::placement::Machine;
use crate::speed::Estimate;
use crate::weights::{PlanError, WeightFormat, WeightPlan};

/// The answer in short.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    /// How the model runs.
    pub mode: Mode,
    /// Whether weights that do not fit are read from storage again and again.
    pub rereads: bool,
    /// The least room under any limit that decides, bytes.
    pub headroom_bytes: u64,
    /// A limit that decides lies within the interval of the need.
    pub borderline: bool,
    /// It takes more than the store asks of an app, which is then shown less.
    pub less_visible: bool,
    /// Tokens a second at the end of the context; none where the device's bandwidth is unknown or the run is ended.
    pub decode_tokens_per_s: Option<Estimate>,
    /// Context that this is for, tokens.
    pub context_tokens: u64,
}

/// How `model` runs in `format` on `device`, with `context_tokens` or what is usual there, and at least `target_tokens_per_s`
/// asked for.
pub fn outlook(
    model: &Model,
    format: WeightFormat,
    device: &Device,
    context_tokens: Option<u64>,
    target_tokens_per_s: f64,
) -> Result<Outlook, PlanError> {
    let plan = WeightPlan::new(model, format)?;
    let usual = context_tokens.unwrap_or_else(|| device.form.usual_context_tokens());
    let context_tokens = usual.min(model.architecture.max_context_tokens);
    let scenario =
        Scenario { context_tokens, weights: format, target_tokens_per_s, ..Scenario::for_model(model) };
    let prospects = Prospects::new(model, &plan, &scenario);
    let limits = device.limits_in(scenario.state);
    let core = prospects.core(device, Machine::of(device), &limits, 0.0)?;
    let of_store = |limit: &&Limit| limit.beyond == Beyond::LessVisible;
    Ok(Outlook {
        less_visible: limits.iter().filter(of_store).any(|limit| !Outcome::of(limit, &core.needs).passes()),
        borderline: is_in_doubt(&limits, &core.needs, &scenario, device),
        mode: core.mode,
        rereads: matches!(core.fit.outcome, Outcome::Slows { .. }),
        headroom_bytes: core.fit.headroom,
        decode_tokens_per_s: core.speed.map(|speed| speed.decode_tokens_per_s),
        context_tokens,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::registry as devices;
    use crate::feasibility::assess;
    use crate::model::registry as models;

    /// The short answer is the long one's.
    #[test]
    fn an_outlook_agrees_with_the_verdict() {
        for (model, device) in
            [("gemma4-e2b", "pixel-9a"), ("qwen3-8b", "raspberry-pi-5-8gb"), ("llama-3.2-1b", "pixel-9a")]
        {
            let (model, device) = (models::model(model).unwrap(), devices::device(device).unwrap());
            let format = WeightFormat::parse("q4_k_m").unwrap();
            let short = outlook(&model, format, &device, Some(4096), 15.0).unwrap();
            let scenario = Scenario { weights: format, context_tokens: 4096, ..Scenario::for_model(&model) };
            let plan = WeightPlan::new(&model, format).unwrap();
            let long = assess(&model, &plan, &scenario, &device, 0.0).unwrap();
            assert_eq!(short.mode, long.mode);
            assert_eq!(short.rereads, long.reread.is_some());
            assert_eq!(short.decode_tokens_per_s, long.speed.map(|speed| speed.decode_tokens_per_s));
        }
    }
}

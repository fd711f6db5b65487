//! The speed on the chosen device: the wait for the first token, the answer, its course over the depth, what it is good for.

use dhurandhar_core::speed::{DepthSpeed, Estimate, Speed, Suitability, Usable};
use yew::{Html, html};

use crate::parts::format;

/// The section; nothing where no speed is known.
pub(crate) fn speed(speed: Option<&Speed>) -> Html {
    let Some(speed) = speed else { return Html::default() };
    let turn = &speed.turn;
    let answer = format!(
        "{} to {}",
        format::speed(speed.decode_tokens_per_s.low),
        format::speed(speed.decode_tokens_per_s.high)
    );
    html! {
        <section class="calc-speed" aria-labelledby="speed">
            <h2 id="speed">{ "Speed" }</h2>
            <dl class="calc-figures">
                { figure("First token after", &seconds(turn.first_token_s.expected), between(turn.first_token_s), format!("for a prompt of {} tokens", format::whole(turn.prompt_tokens))) }
                { figure("Then, a second", &format::speed(turn.answer_tokens_per_s.expected), String::new(), format!("tokens, while it answers; {answer} at the end of the context")) }
                { figure("Whole answer after", &seconds(turn.whole_s.expected), between(turn.whole_s), format!("with an answer of {} tokens", format::whole(turn.answer_tokens))) }
            </dl>
            { course(&speed.by_depth) }
            <p>{ for speed.uses.iter().map(suitability) }</p>
            <p class="calc-hint">
                { format!("{}; {}. {:.1} s more when the file is not in memory.", speed.processors.join(" and "), speed.standing(), turn.cold_start_s) }
                { for speed.beyond_bandwidth.map(|longest| format!(" The largest part of a token's time: {longest}.")) }
                { for speed.wide_because.iter().map(|reason| html! { { format!(" Wide: {reason}.") } }) }
            </p>
        </section>
    }
}

fn figure(name: &'static str, value: &str, range: String, hint: String) -> Html {
    html! {
        <div>
            <dt>{ name }</dt>
            <dd><b>{ value.to_owned() }</b>{ range }</dd>
            <dd class="calc-hint">{ hint }</dd>
        </div>
    }
}

fn seconds(value: f64) -> String {
    let decimals = usize::from(value < 10.0);
    format!("{value:.decimals$} s")
}

fn between(estimate: Estimate) -> String {
    format!(" ({} to {})", seconds(estimate.low), seconds(estimate.high))
}

fn suitability(suitability: &Suitability) -> Html {
    let answer = match (suitability.usable, suitability.first_token_s) {
        (Usable::Yes, _) => "yes",
        (Usable::Perhaps, _) => "perhaps",
        (Usable::No, None) => "no, the context is too short",
        (Usable::No, Some(_)) => "no",
    };
    let of = suitability.of;
    let title = format!(
        "{} tokens read within {} s, then {} tok/s",
        of.prompt_tokens, of.first_token_s, of.tokens_per_s
    );
    html! { <span class="calc-use" {title}>{ format!("{}: ", of.name) }<b>{ answer }</b></span> }
}

/// Tokens a second over the tokens in the cache, as a band and a line.
fn course(points: &[DepthSpeed]) -> Html {
    let [first, .., last] = points else { return Html::default() };
    let most = points.iter().map(|point| point.tokens_per_s.high).fold(0.0, f64::max).max(1e-9);
    let deepest = last.depth_tokens.max(1) as f64;
    let place = |point: &DepthSpeed, value: f64| {
        // Square roots: short conversations are most of them.
        let x = (point.depth_tokens as f64 / deepest).sqrt() * 300.0;
        format!("{x:.1},{:.1} ", 60.0 - value / most * 58.0)
    };
    let line =
        |of: fn(&Estimate) -> f64| points.iter().map(move |point| place(point, of(&point.tokens_per_s)));
    let band: String = line(|speed| speed.high).chain(line(|speed| speed.low).rev()).collect();
    let middle: String = line(|speed| speed.expected).collect();
    let spoken = format!(
        "Tokens a second by the tokens in the cache: {} with none, {} with {}",
        format::speed(first.tokens_per_s.expected),
        format::speed(last.tokens_per_s.expected),
        format::whole(last.depth_tokens)
    );
    html! {
        <figure class="calc-course">
            <svg viewBox="0 0 300 60" preserveAspectRatio="none" role="img" aria-label={spoken.clone()}>
                <polygon points={band} />
                <polyline points={middle} />
            </svg>
            <figcaption class="calc-hint">{ spoken }</figcaption>
        </figure>
    }
}

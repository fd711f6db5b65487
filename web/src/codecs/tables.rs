//! The figures behind the codec tabs' charts.

use dhurandhar_core::codec::kv_cache::{Coding, KvCacheConfig, KvMemory};
use dhurandhar_core::codec::report::AttentionRow;
use dhurandhar_core::codec::sweep::SweepRow;
use dhurandhar_core::codec::{CodecKind, Source};
use dhurandhar_core::work::{Costs, Input, Job};
use yew::{Html, html};

use crate::parts::format;
use crate::worker::results::Asked;

/// Id of the table of errors.
pub(crate) const ROWS_ID: &str = "codec-rows";
/// Id of the table of operations.
pub(crate) const COSTS_ID: &str = "codec-costs";

/// Id of the table of attention.
pub(crate) const ATTENTION_ID: &str = "codec-attention";
/// Id of the table of caches.
pub(crate) const MEMORY_ID: &str = "codec-memory";

/// Synthetic vectors in words.
pub(crate) const fn source(source: Source) -> &'static str {
    match source {
        Source::SeedHeavyTail => "heavy tails (of version 0.1)",
        Source::SeedGaussian => "normal (of version 0.1)",
        Source::Gaussian => "normal",
        Source::OutlierChannels => "a few channels far larger",
        Source::ChannelBias => "channels with a mean of their own",
        Source::Sparse => "mostly zeros",
        Source::LowRank => "low rank",
    }
}

/// What the results are of, in a sentence.
pub(crate) fn of(asked: &Asked, rows: &[(usize, SweepRow)]) -> String {
    let Job::Sweep { parts, .. } = &asked.job else { return String::new() };
    let mut codecs: Vec<&str> =
        parts.iter().flat_map(|part| &part.request.codecs).map(|codec| codec.name()).collect();
    codecs.dedup();
    if let Some(again) = codecs.iter().skip(1).position(|codec| Some(codec) == codecs.first()) {
        codecs.truncate(again + 1);
    }
    let mut inputs: Vec<String> = parts
        .iter()
        .map(|part| match part.input {
            Input::Source(drawn, seed) => format!("{} (seed {seed})", source(drawn)),
            Input::Tensor(at) => {
                format!("tensor {} of {}", at + 1, asked.file.as_deref().unwrap_or("the file"))
            }
        })
        .collect();
    inputs.dedup();
    let dim = parts.first().map_or(0, |part| part.request.dim);
    let vectors = rows.iter().map(|(_, row)| row.quality.vectors).max().unwrap_or(0);
    let mut text = format!(
        "{} on {}, {} vectors of {dim} channels.",
        codecs.join(", "),
        inputs.join(", "),
        format::whole(vectors as u64)
    );
    // A centre's first tokens stay as they are.
    let kept = parts.iter().map(|part| part.request.sinks).max().unwrap_or(0);
    if vectors <= kept {
        text += " The first ";
        text += &format::whole(kept as u64);
        text += " stay in f16, so that none of these is coded.";
    }
    text
}

/// The same, and whether it is what was chosen last.
pub(crate) fn request(of: &str, is_stale: bool) -> Html {
    let lead = if is_stale { "Results of the choices before: " } else { "" };
    html! { <p class="calc-of" role="status">{ lead }{ of }</p> }
}

/// Keys' and values' bits of a configuration.
fn width(config: &KvCacheConfig) -> String {
    match config.values {
        Coding::Code { bits, .. } => format!("{bits} bits"),
        Coding::F16 => "unquantised".to_owned(),
    }
}

/// Errors by codec and width; `parts` names what each part read, where they differ.
pub(crate) fn rows(rows: &[(usize, SweepRow)], parts: &[&str]) -> Html {
    // Names that others publish these widths under; most have none.
    let is_published = rows.iter().any(|(_, row)| row.published_label.is_some());
    let line = |(part, row): &(usize, SweepRow)| {
        let theory = row.theory_nmse.map_or_else(|| "\u{2013}".to_owned(), |theory| format!("{theory:.3e}"));
        html! {
            <tr>
                if let Some(name) = parts.get(*part) { <td>{ *name }</td> }
                <th scope="row">{ row.codec.name() }</th>
                <td class="num wide">{ row.bits }</td>
                <td class="num">{ format!("{:.3}", row.true_bits) }</td>
                if is_published { <td class="wide">{ row.published_label.clone() }</td> }
                <td class="num wide">{ format!("{:.2}\u{d7}", row.ratio_to_bf16) }</td>
                <td class="num">{ format!("{:.3e}", row.quality.nmse) }</td>
                <td class="num wide">{ theory }</td>
                <td class="num wide">{ format!("{:.5}", row.quality.cosine) }</td>
                <td class="num wide">{ format!("{:.4}", row.quality.norm_ratio) }</td>
            </tr>
        }
    };
    html! {
        <div class="calc-table">
            <table id={ROWS_ID}>
                <caption>{ "Error by codec. True bits count scales, padding and tokens kept in f16." }</caption>
                <thead>
                    <tr>
                        if !parts.is_empty() { <th scope="col">{ "Source" }</th> }
                        <th scope="col">{ "Codec" }</th>
                        <th scope="col" class="num wide">{ "Bits" }</th>
                        <th scope="col" class="num">{ "True bits" }</th>
                        if is_published { <th scope="col" class="wide">{ "Published as" }</th> }
                        <th scope="col" class="num wide">{ "vs bf16" }</th>
                        <th scope="col" class="num">{ "nMSE" }</th>
                        <th scope="col" class="num wide">{ "Theory" }</th>
                        <th scope="col" class="num wide">{ "Cosine" }</th>
                        <th scope="col" class="num wide">{ "Norm ratio" }</th>
                    </tr>
                </thead>
                <tbody>{ for rows.iter().map(line) }</tbody>
            </table>
        </div>
    }
}

/// What the file's queries see of coded keys and values.
pub(crate) fn attention(rows: &[AttentionRow]) -> Html {
    let line = |row: &AttentionRow| {
        let error = &row.attention;
        html! {
            <tr>
                <th scope="row">{ row.codec.name() }</th>
                <td class="num">{ row.bits }</td>
                <td class="num">{ format!("{:.3e}", error.kl) }</td>
                <td class="num">{ format::percent(error.top1) }</td>
                <td class="num">{ format!("{:.3e}", error.output_relative_error) }</td>
            </tr>
        }
    };
    html! {
        <div class="calc-table">
            <table id={ATTENTION_ID}>
                <caption>{ "Attention by the file's own queries, with keys and values coded: every 16th query, over all heads." }</caption>
                <thead>
                    <tr>
                        <th scope="col">{ "Codec of the keys" }</th>
                        <th scope="col" class="num">{ "Bits" }</th>
                        <th scope="col" class="num">{ "KL of the weights" }</th>
                        <th scope="col" class="num">{ "Same heaviest token" }</th>
                        <th scope="col" class="num">{ "Error of the output" }</th>
                    </tr>
                </thead>
                <tbody>{ for rows.iter().map(line) }</tbody>
            </table>
        </div>
    }
}

/// The model's cache with each configuration.
pub(crate) fn memory(
    title: &str,
    context: u64,
    configs: &[KvCacheConfig],
    memory: &[Result<KvMemory, String>],
) -> Html {
    let line = |(config, memory): (&KvCacheConfig, &Result<KvMemory, String>)| match memory {
        Ok(memory) => html! {
            <tr>
                <th scope="row">{ width(config) }</th>
                <td class="num">{ format::mib(memory.total_bytes()) }</td>
                <td class="num">{ format!("{:.3}", memory.bits_per_channel()) }</td>
                <td class="num">{ format!("{:.2}\u{d7}", memory.ratio_to_bf16()) }</td>
                <td class="num wide">{ format::mib(memory.bf16_bytes) }</td>
            </tr>
        },
        Err(problem) => {
            html! { <tr><th scope="row">{ width(config) }</th><td colspan="4">{ problem }</td></tr> }
        }
    };
    html! {
        <div class="calc-table">
            <table id={MEMORY_ID}>
                <caption>{ format!("KV cache of {title} after {} tokens, in MiB.", format::whole(context)) }</caption>
                <thead>
                    <tr>
                        <th scope="col">{ "Keys and values" }</th>
                        <th scope="col" class="num">{ "MiB" }</th>
                        <th scope="col" class="num">{ "True bits" }</th>
                        <th scope="col" class="num">{ "vs bf16" }</th>
                        <th scope="col" class="num wide">{ "bf16, MiB" }</th>
                    </tr>
                </thead>
                <tbody>{ for configs.iter().zip(memory).map(line) }</tbody>
            </table>
        </div>
    }
}

/// Operations, and the seed's own figures for what they are.
pub(crate) fn costs(costs: &Costs, dim: usize) -> Html {
    let published = |codec: CodecKind| match codec {
        CodecKind::SeedTurbo => Some(costs.published_turbo),
        CodecKind::SeedRotor => Some(costs.published_rotor),
        _ => None,
    };
    html! {
        <div class="calc-table">
            <table id={COSTS_ID}>
                <caption>{ format!("Operations of the rotation of one vector of {dim} channels") }</caption>
                <thead>
                    <tr>
                        <th scope="col">{ "Codec" }</th>
                        <th scope="col" class="num">{ "Adds" }</th>
                        <th scope="col" class="num">{ "Multiplies" }</th>
                        <th scope="col" class="num">{ "Published \u{201c}FMA\u{201d}" }</th>
                    </tr>
                </thead>
                <tbody>
                    { for costs.codecs.iter().map(|(codec, operations)| html! {
                        <tr>
                            <th scope="row">{ codec.name() }</th>
                            <td class="num">{ format::whole(operations.adds) }</td>
                            <td class="num">{ format::whole(operations.multiplies) }</td>
                            <td class="num">{ published(*codec).map_or_else(|| "\u{2013}".to_owned(), format::whole) }</td>
                        </tr>
                    }) }
                </tbody>
            </table>
            <p class="calc-hint">
                { "The figure published for seed-turbo counts the additions of a Hadamard transform, which multiplies nothing; the one \
                   for seed-rotor counts fused multiply-adds. They are not the same unit." }
            </p>
        </div>
    }
}

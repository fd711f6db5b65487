//! Published measurements of speed, and how far the law is from them.
//!
//! `profiles/speed/published.csv` has one measurement a row; the README beside it says where they come from.

use super::class::Class;
use super::law::Unit;
use super::work::{FormatGroup, PromptWork, TokenWork};
use super::{Estimate, shared};
use crate::format::csv::records;
use std::collections::BTreeMap;
use thiserror::Error;

/// One published measurement, with what the law asks of its chip and its model.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedRow {
    /// Its name in the file.
    pub id: String,
    /// The chip.
    pub chip: String,
    /// The family of chips.
    pub family: String,
    /// The model, as the source names it.
    pub model: String,
    /// Format of the weights, as the source names it.
    pub quant: String,
    /// The program, as the source names it.
    pub runtime: String,
    /// What computes.
    pub unit: Unit,
    /// Of one token.
    pub token: TokenWork,
    /// Of the prompt.
    pub prompt: PromptWork,
    /// The peak that prompts need is in the file.
    pub has_peak: bool,
    /// Measured tokens a second of decoding.
    pub decode_tokens_per_s: Option<f64>,
    /// Measured tokens a second of the prompt, where it may be compared.
    pub prompt_tokens_per_s: Option<f64>,
    /// Tokens in the cache before.
    pub depth_tokens: f64,
    /// A dense model, a prompt of at most 1,024 tokens, nothing before it.
    pub short_and_dense: bool,
    /// A fit should not use it, so as to judge itself by it.
    pub held_out: bool,
    /// Where it was read.
    pub source: String,
}

/// Why a file of measurements cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PublishedError {
    /// The first line lacks a column.
    #[error("column `{0}` is missing from the first line")]
    Column(&'static str),
    /// A field cannot be read.
    #[error("line {line}{}: `{column}` is {value:?}; expected {expected}", if row.is_empty() { String::new() } else { format!(" ({row})") })]
    Field {
        /// Line of the file.
        line: usize,
        /// The row's name; empty where it has none.
        row: String,
        /// Column.
        column: &'static str,
        /// What stands there.
        value: String,
        /// What should.
        expected: &'static str,
    },
    /// No row that can be compared.
    #[error("no row that can be compared: all are marked as not to be used")]
    Nothing,
}

const GIGA: f64 = 1e9;
const TERA: f64 = 1e12;
/// What quantities of a row may be, each in the unit of its column.
const POSSIBLE: std::ops::RangeInclusive<f64> = 1e-9..=1e12;

/// A row by the names of its columns.
struct Row<'a> {
    line: usize,
    columns: &'a BTreeMap<String, usize>,
    fields: Vec<String>,
}

impl Row<'_> {
    fn text(&self, column: &'static str) -> Result<&str, PublishedError> {
        let place = self.columns.get(column).ok_or(PublishedError::Column(column))?;
        Ok(self.fields.get(*place).map_or("", |field| field.trim()))
    }

    fn number(&self, column: &'static str) -> Result<Option<f64>, PublishedError> {
        let text = self.text(column)?;
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() && number >= 0.0 => Ok(Some(number)),
            _ => Err(self.wrong(column, text, "a number of at least 0, or nothing")),
        }
    }

    fn needed(&self, column: &'static str) -> Result<f64, PublishedError> {
        self.number(column)?.ok_or_else(|| self.wrong(column, "", "a number"))
    }

    /// What the law divides by or is divided by: 0 would make infinities. None where nothing is stated.
    fn positive(&self, column: &'static str) -> Result<Option<f64>, PublishedError> {
        match self.number(column)? {
            Some(number) if !POSSIBLE.contains(&number) => {
                Err(self.wrong(column, self.text(column)?, "a number from 1e-9 to 1e12"))
            }
            found => Ok(found),
        }
    }

    fn needed_positive(&self, column: &'static str) -> Result<f64, PublishedError> {
        self.positive(column)?.ok_or_else(|| self.wrong(column, "", "a number from 1e-9 to 1e12"))
    }

    fn wrong(&self, column: &'static str, value: &str, expected: &'static str) -> PublishedError {
        let row = self.text("row_id").unwrap_or_default().to_owned();
        PublishedError::Field { line: self.line, row, column, value: value.to_owned(), expected }
    }
}

/// Read a file of measurements; rows that are not marked `ok` are left out.
pub fn read(text: &str) -> Result<Vec<PublishedRow>, PublishedError> {
    let mut columns = BTreeMap::new();
    let mut rows = Vec::new();
    for (index, fields) in records(text.trim_start_matches('\u{feff}')).into_iter().enumerate() {
        if index == 0 {
            columns = fields.into_iter().enumerate().map(|(place, name)| (name, place)).collect();
            continue;
        }
        let row = Row { line: index + 1, columns: &columns, fields };
        if row.text("use")? == "ok" {
            rows.push(published(&row)?);
        }
    }
    if rows.is_empty() { Err(PublishedError::Nothing) } else { Ok(rows) }
}

fn published(row: &Row<'_>) -> Result<PublishedRow, PublishedError> {
    let runtime = program(row.text("runtime")?);
    let matrix = row.positive("fp16_matrix_tflops")?;
    let vector = row.positive("vector_tflops")?;
    let chip = row.text("chip")?;
    let law_class = row.text("cls")?;
    let named = class(law_class, runtime, chip, matrix.is_some());
    let class = named.ok_or_else(|| row.wrong("cls", law_class, "a class such as cuda, metal or cpu_x86"))?;
    let quant = row.text("quant")?;
    let group = format_group(quant);
    let kind = row.text("chip_kind")?;
    let unit = Unit {
        class,
        bytes_per_s: row.needed_positive("bw_gbs")? * GIGA,
        reached: false,
        hbm: row.text("mem")?.contains("HBM"),
        vector_flops: vector.map(|tera| tera * TERA),
        matrix_flops: matrix.map(|tera| tera * TERA),
        integer_ops: row.positive("int8_tops")?.map(|tera| tera * TERA),
        phone: kind.starts_with("phone"),
        program: runtime,
    };
    let mixture = row.needed("moe")? > 0.0;
    let (active, layers) = (row.needed_positive("active_b")? * GIGA, row.needed_positive("layers")?);
    let read = row.needed_positive("bytes_per_tok_gb")? * GIGA;
    let cache = row.number("kv_gb")?.unwrap_or(0.0) * GIGA;
    let depth = row.number("depth")?.unwrap_or(0.0);
    let of_group = |weights: f64| {
        let mut groups = [0.0; FormatGroup::COUNT];
        groups[group as usize] = weights;
        groups
    };
    let tokens = row.number("prompt_len")?.filter(|tokens| *tokens > 0.0).unwrap_or(512.0);
    let body = row.needed_positive("prefill_b")? * GIGA;
    // A depth that is the prompt itself is nothing that was there before.
    let before = if depth <= 1.05 * tokens { 0.0 } else { depth };
    let seen = before + tokens / 2.0;
    // The width of a model by its weights, 12 squares of it a layer.
    let width = libm::sqrt(body / (12.0 * layers));
    let mut attention = 4.0 * width * layers * seen;
    if cache > 0.0 && depth > 0.0 {
        // Windows and hybrid layers: bytes of the cache know better.
        attention = attention.min(shared().attention_flop_per_kv_byte * cache / depth * seen);
    }
    let experts = if mixture { row.needed_positive("params_b")? * GIGA / active } else { 1.0 };
    let compared = row.text("pp_use")? == "ok";
    Ok(PublishedRow {
        id: row.text("row_id")?.to_owned(),
        chip: chip.to_owned(),
        family: row.text("family")?.to_owned(),
        model: row.text("model")?.to_owned(),
        quant: quant.to_owned(),
        runtime: row.text("runtime")?.to_owned(),
        unit,
        token: TokenWork {
            layers,
            mixture,
            weight_bytes: read,
            cache_bytes: cache,
            state_bytes: 0.0,
            multiplied: of_group(active),
        },
        prompt: PromptWork {
            tokens,
            layers,
            mixture,
            multiplied: of_group(body),
            attention_flops: attention * tokens,
            weight_bytes: read * experts,
            more_readings: 0.0,
        },
        has_peak: match class.prefill().peak {
            "int8_tops" => unit.integer_ops.is_some(),
            "vector_tflops" | "vector_and_int8" => vector.is_some(),
            _ => matrix.or(vector).is_some(),
        },
        decode_tokens_per_s: row.positive("tg_tps")?,
        prompt_tokens_per_s: row.positive("pp_tps")?.filter(|_| compared),
        depth_tokens: depth,
        short_and_dense: !mixture && tokens <= 1024.0 && before == 0.0,
        held_out: row.text("role")? != "train",
        source: row.text("source")?.to_owned(),
    })
}

/// The program's name in the law's table.
fn program(runtime: &str) -> &'static str {
    let name = runtime.to_lowercase();
    let known = [
        "ik_llama",
        "executorch",
        "mnn",
        "litert",
        "openvino",
        "genie",
        "fastflow",
        "rkllm",
        "cactus",
        "core ai",
    ];
    let found = known.iter().find(|known| name.contains(**known));
    found.copied().unwrap_or(if name.contains("mlx") { "mlx" } else { "llama.cpp" })
}

/// The class of a row.
fn class(name: &str, program: &str, chip: &str, has_matrix: bool) -> Option<Class> {
    let intel = ["Arc", "Iris", "UHD"].iter().any(|start| chip.contains(start));
    Class::named(match name {
        "cuda" | "nv_dgpu_vulkan" if !has_matrix => "cuda_no_matrix",
        "igpu" if intel => "igpu_intel",
        "igpu" => "igpu_amd",
        "metal" | "apple_phone_gpu" if program == "llama.cpp" => "metal",
        "metal" | "apple_phone_gpu" => "mlx",
        "npu" if program == "rkllm" => "npu_rockchip",
        "npu" if program == "fastflow" => "npu_xdna",
        "npu" => "npu_hexagon",
        "cpu_phone" | "cpu_sbc" | "cpu_arm_srv" => "cpu_arm",
        "amd_intel_dgpu" => "dgpu_amd_intel",
        "nv_unified" => "cuda_unified",
        "nv_dgpu_vulkan" => "nv_vulkan",
        other => other,
    })
}

/// The group of a format by the name that programs give it.
fn format_group(name: &str) -> FormatGroup {
    let name = name.to_uppercase();
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    let starts = |parts: &[&str]| parts.iter().any(|part| name.starts_with(part));
    if ["F16", "BF16", "F32"].contains(&name.as_str()) {
        FormatGroup::Float
    } else if has(&["Q8", "W8A8", "INT8", "MLX8"]) {
        FormatGroup::Eight
    } else if starts(&["Q2", "Q3", "IQ1", "IQ2", "IQ3"]) || has(&["-Q2_", "-Q3_"]) {
        FormatGroup::Low
    } else if ["Q4_0", "Q4_1", "Q5_0", "Q5_1"].contains(&name.as_str())
        || has(&["IQ4_NL", "MXFP4", "MLX4", "INT4", "W4A", "W4-", "4W8A", "Q4-MNN"])
    {
        FormatGroup::Simple
    } else {
        FormatGroup::Nested
    }
}

impl PublishedRow {
    /// Predicted tokens a second of decoding.
    pub fn decode(&self) -> Estimate {
        self.unit.token(&self.token).estimate().inverse()
    }

    /// Predicted tokens a second of the prompt; none where the file lacks the peak.
    pub fn prompt(&self) -> Option<Estimate> {
        self.has_peak.then(|| self.unit.prompt(&self.prompt).estimate().inverse().times(self.prompt.tokens))
    }
}

/// How far predictions are from measurements.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Score {
    /// Rows compared.
    pub rows: usize,
    /// Chips that they are of.
    pub chips: usize,
    /// Median of |predicted / measured - 1|.
    pub median_error: f64,
    /// Share of the rows within 30 %.
    pub within_30_percent: f64,
    /// Share within a factor of two.
    pub within_twofold: f64,
    /// Share inside the interval.
    pub inside: f64,
    /// Share of the chips whose median row is inside.
    pub chips_inside: f64,
}

/// Scores pairs of prediction and measurement, each with its chip.
pub fn score(pairs: &[(&str, Estimate, f64)]) -> Score {
    if pairs.is_empty() {
        return Score::default();
    }
    let count = pairs.len() as f64;
    let share = |holds: &dyn Fn(&Estimate, f64) -> bool| {
        pairs.iter().filter(|(_, estimate, measured)| holds(estimate, *measured)).count() as f64 / count
    };
    let error = |estimate: &Estimate, measured: f64| (estimate.expected / measured - 1.0).abs();
    let inside = |estimate: &Estimate, measured: f64| estimate.low <= measured && measured <= estimate.high;
    let mut by_chip: BTreeMap<&str, Vec<(f64, f64, f64)>> = BTreeMap::new();
    for (chip, estimate, measured) in pairs {
        let log = |speed: f64| libm::log(speed / estimate.expected);
        by_chip.entry(chip).or_default().push((log(*measured), log(estimate.low), log(estimate.high)));
    }
    let held = by_chip.values().filter(|rows| {
        let middle = |part: fn(&(f64, f64, f64)) -> f64| median(&rows.iter().map(part).collect::<Vec<_>>());
        let measured = middle(|row| row.0);
        middle(|row| row.1) <= measured && measured <= middle(|row| row.2)
    });
    Score {
        rows: pairs.len(),
        chips: by_chip.len(),
        median_error: median(
            &pairs.iter().map(|(_, estimate, measured)| error(estimate, *measured)).collect::<Vec<_>>(),
        ),
        within_30_percent: share(&|estimate, measured| error(estimate, measured) <= 0.3),
        within_twofold: share(&|estimate, measured| (0.5..=2.0).contains(&(estimate.expected / measured))),
        inside: share(&inside),
        chips_inside: held.count() as f64 / by_chip.len() as f64,
    }
}

fn median(values: &[f64]) -> f64 {
    crate::leaf::median(values).unwrap_or(f64::NAN)
}

/// What is scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    /// Tokens a second of decoding.
    Decode,
    /// Tokens a second of a prompt.
    Prompt,
}

impl Measured {
    /// Both, with their names for people.
    pub const ALL: [(&'static str, Self); 2] = [("Decode", Self::Decode), ("Prompt", Self::Prompt)];

    /// What was measured of a row.
    pub fn of(self, row: &PublishedRow) -> Option<f64> {
        match self {
            Self::Decode => row.decode_tokens_per_s,
            Self::Prompt => row.prompt_tokens_per_s,
        }
    }

    /// What is predicted of a row.
    pub fn predicted(self, row: &PublishedRow) -> Option<Estimate> {
        match self {
            Self::Decode => Some(row.decode()),
            Self::Prompt => row.prompt(),
        }
    }
}

/// Predictions of rows by fits that have not seen their families of chips, by the rows' names (`profiles/speed/unseen.csv`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Unseen(BTreeMap<String, [Option<Estimate>; 4]>);

impl Unseen {
    /// Read the file that `fit_speed.py` writes.
    pub fn read(text: &str) -> Result<Self, PublishedError> {
        let mut rows = BTreeMap::new();
        for (index, fields) in records(text).into_iter().enumerate().skip(1) {
            let wrong = |value: &str| PublishedError::Field {
                line: index + 1,
                row: String::new(),
                column: "row_id,tg_tps,tg_low,tg_high,pp_tps,pp_low,pp_high,tg_low_apart,tg_high_apart,pp_low_apart,pp_high_apart",
                value: value.to_owned(),
                expected: "a name and ten numbers, or nothing for the five of a speed",
            };
            let estimate = |places: [usize; 3]| -> Result<Option<Estimate>, PublishedError> {
                let field = |place: usize| fields.get(place).ok_or_else(|| wrong(&fields.join(",")));
                let [expected, low, high] = places;
                if field(expected)?.is_empty() {
                    return Ok(None);
                }
                let number = |place: usize| -> Result<f64, PublishedError> {
                    let text = field(place)?;
                    text.parse::<f64>().map_err(|_| wrong(text))
                };
                Ok(Some(Estimate { expected: number(expected)?, low: number(low)?, high: number(high)? }))
            };
            let all =
                [estimate([1, 2, 3])?, estimate([4, 5, 6])?, estimate([1, 7, 8])?, estimate([4, 9, 10])?];
            rows.insert(fields[0].clone(), all);
        }
        Ok(Self(rows))
    }

    /// What a fit without its family says of a row.
    pub fn predicted(&self, measured: Measured, row: &PublishedRow) -> Option<Estimate> {
        self.0.get(&row.id)?[measured as usize]
    }

    /// The same with an interval that was made without the family, too.
    pub fn predicted_apart(&self, measured: Measured, row: &PublishedRow) -> Option<Estimate> {
        self.0.get(&row.id)?[measured as usize + 2]
    }
}

/// Pairs of prediction and measurement over the rows that have both.
pub fn pairs<'a>(
    rows: impl IntoIterator<Item = &'a PublishedRow>,
    measured: Measured,
    predicted: impl Fn(&PublishedRow) -> Option<Estimate>,
) -> Vec<(&'a str, Estimate, f64)> {
    let pair = |row: &'a PublishedRow| Some((row.chip.as_str(), predicted(row)?, measured.of(row)?));
    rows.into_iter().filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "row_id,chip,chip_kind,family,cls,mem,bw_gbs,fp16_matrix_tflops,vector_tflops,int8_tops,runtime,model,params_b,active_b,\
        prefill_b,moe,layers,quant,bytes_per_tok_gb,kv_gb,depth,prompt_len,pp_tps,tg_tps,source,use,pp_use,role";
    const ROW: &str = "r1,RTX 4090,dgpu,Ada,cuda,GDDR6X,1010,330,82,660,llama.cpp,llama3-8b,8,7.5,7,0,32,Q4_0,4.6,0,0,512,6000,127,here,ok,ok,train";

    #[test]
    fn what_would_predict_infinities_is_refused_by_row_and_field() {
        assert_eq!(read(&format!("{HEADER}\n{ROW}\n")).unwrap().len(), 1);
        for (field, column) in [
            (",1010,", "bw_gbs"),
            (",330,", "fp16_matrix_tflops"),
            (",7.5,", "active_b"),
            (",32,", "layers"),
            (",4.6,", "bytes_per_tok_gb"),
            (",127,", "tg_tps"),
            (",6000,", "pp_tps"),
        ] {
            for wrong in ["0", "1e308", "NaN", "inf"] {
                let text = format!("{HEADER}\n{}\n", ROW.replace(field, &format!(",{wrong},")));
                let told = read(&text).unwrap_err().to_string();
                assert!(told.starts_with(&format!("line 2 (r1): `{column}` is \"{wrong}\"")), "{told}");
            }
        }
    }
}

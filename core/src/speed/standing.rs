//! What an interval stands on: how many published speeds of the same class of processors it holds.

use super::Class;
use serde::Serialize;

/// Published speeds of a class, each predicted by a fit without its family of chips, and those of them in the class's interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Standing {
    /// The class.
    pub processor: &'static str,
    /// Speeds of decoding.
    pub decode_rows: u32,
    /// Those in the interval.
    pub decode_held: u32,
    /// Speeds of prompts.
    pub prompt_rows: u32,
    /// Those in the interval.
    pub prompt_held: u32,
}

impl Standing {
    /// Of a class.
    pub fn of(class: Class) -> Self {
        let (decode, prefill) = (class.decode(), class.prefill());
        Self {
            processor: class.title(),
            decode_rows: decode.unseen_rows,
            decode_held: decode.held,
            prompt_rows: prefill.unseen_rows,
            prompt_held: prefill.held,
        }
    }
}

/// The sentence about it, without its full stop.
pub(super) fn sentence(standings: &[Standing]) -> String {
    let parts: Vec<String> = standings
        .iter()
        .map(|standing| {
            // Named where there are several.
            let of = if standings.len() > 1 { standing.processor } else { "this class" };
            let prompts = match standing.prompt_rows {
                0 => "no published prompts".to_owned(),
                rows => format!("{} of {rows} prompts", standing.prompt_held),
            };
            format!("{} of {} published runs of {of}, {prompts}", standing.decode_held, standing.decode_rows)
        })
        .collect();
    format!("such intervals hold {}", parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_says_its_own_share() {
        let standing = Standing {
            processor: "x86-64 processor",
            decode_rows: 44,
            decode_held: 40,
            prompt_rows: 35,
            prompt_held: 32,
        };
        assert_eq!(
            sentence(&[standing]),
            "such intervals hold 40 of 44 published runs of this class, 32 of 35 prompts"
        );
        let other = Standing { processor: "AMD XDNA NPU", prompt_rows: 0, prompt_held: 0, ..standing };
        assert_eq!(
            sentence(&[standing, other]),
            "such intervals hold 40 of 44 published runs of x86-64 processor, 32 of 35 prompts; 40 of 44 published runs of AMD XDNA \
             NPU, no published prompts"
        );
        for class in Class::all() {
            let standing = Standing::of(class);
            assert!(standing.decode_held <= standing.decode_rows, "{standing:?}");
            assert!(standing.prompt_held <= standing.prompt_rows, "{standing:?}");
        }
    }
}

//! What an interval stands on: how many published speeds of the same class of processors it holds.

use super::Class;
use serde::Serialize;

/// Published speeds, each predicted by a fit without its family of chips, and those of them in the interval of their class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Coverage {
    /// Those in the interval.
    pub held: u32,
    /// All of them.
    pub rows: u32,
    /// Chips that they are of: one or two say little about the next.
    pub chips: u32,
}

/// What the intervals of a class stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Standing {
    /// The class.
    pub processor: &'static str,
    /// Of decoding.
    pub decode: Coverage,
    /// Of prompts.
    pub prompt: Coverage,
}

impl Coverage {
    fn text(self, of: &str) -> String {
        let Self { held, rows, chips } = self;
        match (rows, chips) {
            (0, _) => format!("no published {of}"),
            (_, 1) => format!("{held} of {rows} published {of} (1 chip)"),
            _ => format!("{held} of {rows} published {of} ({chips} chips)"),
        }
    }
}

impl Standing {
    /// Of a class.
    pub fn of(class: Class) -> Self {
        let (decode, prefill) = (class.decode(), class.prefill());
        Self {
            processor: class.title(),
            decode: Coverage { held: decode.held, rows: decode.unseen_rows, chips: decode.unseen_chips },
            prompt: Coverage { held: prefill.held, rows: prefill.unseen_rows, chips: prefill.unseen_chips },
        }
    }
}

/// The sentence about it, without its full stop.
pub(super) fn sentence(standings: &[Standing]) -> String {
    let parts: Vec<String> = standings
        .iter()
        .map(|standing| {
            let counts = format!("{} and {}", standing.decode.text("runs"), standing.prompt.text("prompts"));
            // Named where there are several.
            if standings.len() > 1 { format!("{counts} of {}", standing.processor) } else { counts }
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
            decode: Coverage { held: 40, rows: 44, chips: 10 },
            prompt: Coverage { held: 32, rows: 35, chips: 6 },
        };
        assert_eq!(
            sentence(&[standing]),
            "such intervals hold 40 of 44 published runs (10 chips) and 32 of 35 published prompts (6 chips)"
        );
        let other = Standing {
            processor: "AMD XDNA NPU",
            decode: Coverage { held: 18, rows: 18, chips: 1 },
            prompt: Coverage { held: 0, rows: 0, chips: 0 },
        };
        assert_eq!(
            sentence(&[standing, other]),
            "such intervals hold 40 of 44 published runs (10 chips) and 32 of 35 published prompts (6 chips) of x86-64 processor; \
             18 of 18 published runs (1 chip) and no published prompts of AMD XDNA NPU"
        );
        for class in Class::all() {
            let standing = Standing::of(class);
            assert!(standing.decode.held <= standing.decode.rows, "{standing:?}");
            assert!(standing.prompt.held <= standing.prompt.rows, "{standing:?}");
        }
    }
}

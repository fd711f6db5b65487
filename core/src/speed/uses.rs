//! What a speed is good for: three ways of working, with the times that people bear.

use super::Estimate;
use serde::Serialize;

/// A way of working with a model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Use {
    /// Short name.
    pub name: &'static str,
    /// Tokens of a typical prompt.
    pub prompt_tokens: u64,
    /// Longest wait for the first token, seconds.
    pub first_token_s: f64,
    /// Least speed of the answer, tokens a second.
    pub tokens_per_s: f64,
}

/// As fast as people read: 238 words a minute (Brysbaert 2019, a review of 190 studies) at 4 tokens for 3 words. The waits are this
/// project's choice.
const READING_TOKENS_PER_S: f64 = 5.3;

/// The ways of working that are told of.
pub const USES: [Use; 3] = [
    Use { name: "chat", prompt_tokens: 256, first_token_s: 5.0, tokens_per_s: READING_TOKENS_PER_S },
    Use { name: "code", prompt_tokens: 2048, first_token_s: 15.0, tokens_per_s: 15.0 },
    Use { name: "documents", prompt_tokens: 8192, first_token_s: 60.0, tokens_per_s: READING_TOKENS_PER_S },
];

/// Whether a model serves a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Usable {
    /// Over the whole interval.
    Yes,
    /// Over a part of it.
    Perhaps,
    /// Nowhere in it, or the prompt does not fit the context.
    No,
}

/// A use, and whether it is served.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Suitability {
    /// The use.
    #[serde(rename = "use")]
    pub of: Use,
    /// Whether.
    pub usable: Usable,
    /// Wait for the first token of its prompt, seconds; none where the prompt does not fit.
    pub first_token_s: Option<Estimate>,
    /// Speed of the answer behind it, tokens a second; none where the prompt does not fit.
    pub tokens_per_s: Option<Estimate>,
}

impl Use {
    /// Judged by a wait and a speed; without them the prompt does not fit.
    pub(super) fn judged(self, times: Option<(Estimate, Estimate)>) -> Suitability {
        let usable = match times {
            None => Usable::No,
            Some((wait, speed)) => {
                let serves = |wait: f64, speed: f64| wait <= self.first_token_s && speed >= self.tokens_per_s;
                match (serves(wait.high, speed.low), serves(wait.low, speed.high)) {
                    (true, _) => Usable::Yes,
                    (false, true) => Usable::Perhaps,
                    (false, false) => Usable::No,
                }
            }
        };
        Suitability {
            of: self,
            usable,
            first_token_s: times.map(|(wait, _)| wait),
            tokens_per_s: times.map(|(_, speed)| speed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_judged_by_both_ends() {
        let chat = USES[0];
        let judged = |wait: (f64, f64), speed: (f64, f64)| {
            let estimate =
                |(low, high): (f64, f64)| Estimate { low, expected: f64::midpoint(low, high), high };
            chat.judged(Some((estimate(wait), estimate(speed)))).usable
        };
        assert_eq!(judged((1.0, 4.0), (6.0, 9.0)), Usable::Yes);
        assert_eq!(judged((1.0, 6.0), (6.0, 9.0)), Usable::Perhaps);
        assert_eq!(judged((1.0, 4.0), (4.0, 9.0)), Usable::Perhaps);
        assert_eq!(judged((6.0, 9.0), (6.0, 9.0)), Usable::No);
        assert_eq!(chat.judged(None).usable, Usable::No);
    }
}

//! What a weight format costs in quality, where somebody has published it.

use super::{StockType, WeightFormat};

/// Who measured the published figures, and on what.
pub const SOURCE: &str = "published: list of types in llama.cpp's tools/quantize/quantize.cpp, commit 03161a4eb9a2ec66ef97789f347c5a28279f06ea";
/// The built-in model that they were measured on.
pub const MEASURED_ON: &str = "llama-3-8b";

/// Perplexity added to that of Llama 3 8B in f16, smaller is better. Formats that are not here have no such figure.
const PUBLISHED: [(StockType, f64); 15] = [
    (StockType::Q8_0, 0.0026),
    (StockType::Q6K, 0.0217),
    (StockType::Q5_1, 0.1062),
    (StockType::Q5KM, 0.0569),
    (StockType::Q5KS, 0.1049),
    (StockType::Q5_0, 0.1316),
    (StockType::Q4_1, 0.4511),
    (StockType::Q4KM, 0.1754),
    (StockType::Q4KS, 0.2689),
    (StockType::Q4_0, 0.4685),
    (StockType::Q3KL, 0.5562),
    (StockType::Q3KM, 0.6569),
    (StockType::Q3KS, 1.6321),
    (StockType::Q2K, 3.5199),
    (StockType::Q2KS, 3.1836),
];

/// Perplexity that a format adds to Llama 3 8B; none where nothing is published. Of other models it says only which formats
/// lose little and which much.
pub fn added_perplexity(format: WeightFormat) -> Option<f64> {
    let WeightFormat::Stock(stock) = format else { return None };
    PUBLISHED.iter().find(|(known, _)| *known == stock).map(|(_, added)| *added)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::registry;

    #[test]
    fn what_is_not_published_is_unknown() {
        assert_eq!(added_perplexity(WeightFormat::Stock(StockType::Q4KM)), Some(0.1754));
        assert_eq!(added_perplexity(WeightFormat::Stock(StockType::Iq4Xs)), None);
        assert_eq!(added_perplexity(WeightFormat::Bits(4)), None);
        assert!(registry::model(MEASURED_ON).is_ok());
    }
}

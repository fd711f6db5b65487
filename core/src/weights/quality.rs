//! What a weight format costs in quality, where somebody has published it.

use super::{StockType, WeightFormat};
use crate::leaf::number::padded;

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

/// What to know before a format is taken as advice: what it adds where that is much, or that nobody says; nothing otherwise.
pub fn warning(format: StockType) -> String {
    match added_perplexity(WeightFormat::Stock(format)) {
        Some(added) if added >= 0.5 => format!(" (adds {} of perplexity to Llama 3 8B)", padded(added, 1)),
        None if format.name().starts_with("iq1") || format.name().starts_with("iq2") => {
            " (below 3 bits: much is lost, how much is not published)".to_owned()
        }
        _ => String::new(),
    }
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
        let warned = |name: &str| match WeightFormat::parse(name) {
            Ok(WeightFormat::Stock(stock)) => warning(stock),
            _ => panic!("{name}"),
        };
        assert_eq!(warned("q2_k_s"), " (adds 3.2 of perplexity to Llama 3 8B)");
        assert!(warned("iq1_m").contains("below 3 bits") && warned("q4_k_m").is_empty());
    }
}

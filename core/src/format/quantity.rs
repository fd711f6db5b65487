//! Sizes and speeds as people write them: `6 GB`, `0,5`, `6144`.

use super::document::decimal;

/// Below this, a size of memory without a unit is in GB: no app gets by with fewer MiB, and few machines have more GB.
const LEAST_MIB: f64 = 256.0;

/// A number with a decimal point or a decimal comma, and what stands behind it in small letters without spaces.
fn split(text: &str) -> Option<(f64, String)> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || "+-.,".contains(c))).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end)?;
    // A comma before three last digits, another one or a point groups digits; otherwise it is a decimal comma.
    let grouped = digits.split_once(',').is_some_and(|(whole, rest)| {
        rest.contains([',', '.']) || rest.len() == 3 && whole.trim_start_matches(['+', '-']) != "0"
    });
    let digits = if grouped { digits.replace(',', "") } else { digits.replace(',', ".") };
    let unit = unit.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase();
    Some((decimal(&digits)?, unit))
}

/// A plain number; a unit is refused.
pub fn number(text: &str) -> Option<f64> {
    split(text).filter(|(_, unit)| unit.is_empty()).map(|(number, _)| number)
}

/// A size of memory in MiB. Makers of memory say GB and mean GiB.
pub fn mebibytes(text: &str) -> Option<f64> {
    let (number, unit) = split(text)?;
    let factor = match unit.as_str() {
        "" if number >= LEAST_MIB => 1.0,
        "m" | "mb" | "mib" => 1.0,
        "" | "g" | "gb" | "gib" => 1024.0,
        "t" | "tb" | "tib" => 1024.0 * 1024.0,
        _ => return None,
    };
    Some(number * factor)
}

/// Bytes a second; without a unit, `usual` of them.
pub fn bytes_per_s(text: &str, usual: f64) -> Option<f64> {
    let (number, unit) = split(text)?;
    let unit = unit.replace("ps", "/s");
    let factor = match unit.trim_end_matches("/s") {
        "" => usual,
        "mb" => 1e6,
        "gb" => 1e9,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        _ => return None,
    };
    Some(number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_written() {
        for text in ["6 GB", "6gb", "6", "6144", "6,144.0", "6,144", "6144 MiB", " 6 GiB "] {
            assert_eq!(mebibytes(text), Some(6144.0), "{text}");
        }
        assert_eq!(mebibytes("0,5"), Some(512.0));
        assert_eq!([mebibytes("6 GX"), mebibytes("many"), mebibytes("")], [None; 3]);
    }

    #[test]
    fn speeds_take_a_unit_or_the_usual_one() {
        assert_eq!(bytes_per_s("51.2", 1e9), Some(51.2e9));
        assert_eq!(bytes_per_s("500 MB/s", 1e9), Some(5e8));
        assert_eq!(bytes_per_s("0,5 GBps", 1.0), Some(5e8));
        assert_eq!(bytes_per_s("3 furlongs", 1e9), None);
        assert_eq!([number("0,5"), number("-4"), number("5 us")], [Some(0.5), Some(-4.0), None]);
    }
}

//! Where the context slider stops: four steps an octave from 512 tokens to the model's longest context.

const LEAST: u64 = 512;

/// The stops for a model, the longest context last.
pub(crate) fn steps(longest: u64) -> Vec<u64> {
    let mut stops = Vec::new();
    let mut octave = LEAST;
    while octave < longest {
        stops.extend((0..4).map(|quarter| octave + octave / 4 * quarter).filter(|stop| *stop < longest));
        octave *= 2;
    }
    stops.push(longest);
    stops
}

/// Index of the stop nearest to `tokens`.
pub(crate) fn nearest(stops: &[u64], tokens: u64) -> usize {
    let far = |stop: u64| stop.abs_diff(tokens);
    let found = stops.iter().enumerate().min_by_key(|(_, stop)| far(**stop));
    found.map_or(0, |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_rise_to_the_longest_context() {
        let stops = steps(131_072);
        assert_eq!(stops[..6], [512, 640, 768, 896, 1024, 1280]);
        assert_eq!(stops.last(), Some(&131_072));
        assert!(stops.is_sorted() && stops.len() == 33);
        assert_eq!(steps(100), [100]);
        assert_eq!(stops[nearest(&stops, 33_000)], 32_768);
        assert_eq!(nearest(&stops, 1), 0);
    }
}

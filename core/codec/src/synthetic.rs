//! Seeded test vectors: isotropic ones, and the shapes that real keys take and block rotations fail on.

use dhurandhar_leaf::named;
use dhurandhar_leaf::wire::wire_listed;
use serde::{Deserialize, Serialize};

use super::Random;
use super::seed::SeedStream;

/// A law of vectors. All but the first two draw from PCG64-MCG; those reproduce the seed project's tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The seed's default: 0.3 N per entry, one entry in twenty raised by 3 N; no fixed outlier channels.
    SeedHeavyTail,
    /// The seed's Gaussian tensor.
    SeedGaussian,
    /// Independent standard normals: isotropic, the case of the theory.
    Gaussian,
    /// Normals with four fixed channels twenty times as large, as in real keys.
    OutlierChannels,
    /// Normals with a constant of ±20 added to two fixed channels, as key biases do.
    ChannelBias,
    /// One entry per vector, the rest zero: the hardest case for one Hadamard round.
    Sparse,
    /// Eight directions for all vectors plus a tenth of noise.
    LowRank,
}

impl Source {
    /// The source of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }

    /// `vectors` vectors of `dim` channels, one after another.
    pub fn generate(self, vectors: usize, dim: usize, seed: u32) -> Vec<f32> {
        let n = vectors * dim;
        let mut random = Random::new(u64::from(seed), 0x534F_5552 + self as u64);
        match self {
            Self::SeedHeavyTail => SeedStream::new(seed).heavy_tail(n),
            Self::SeedGaussian => SeedStream::new(seed).normals(n),
            Self::Gaussian => random.normals(n),
            Self::OutlierChannels => outlier_channels(&mut random, vectors, dim),
            Self::ChannelBias => channel_bias(&mut random, vectors, dim),
            Self::Sparse => sparse(&mut random, vectors, dim),
            Self::LowRank => low_rank(&mut random, vectors, dim),
        }
    }
}

named!(Source { SeedHeavyTail "seed-heavy-tail", SeedGaussian "seed-gaussian", Gaussian "gaussian", OutlierChannels "outlier-channels", ChannelBias "channel-bias", Sparse "sparse", LowRank "low-rank" });

/// `count` distinct channels, or all if there are fewer.
fn channels(random: &mut Random, dim: usize, count: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..dim).collect();
    let count = count.min(dim);
    for at in 0..count {
        all.swap(at, at + random.index(dim - at));
    }
    all.truncate(count);
    all
}

fn outlier_channels(random: &mut Random, vectors: usize, dim: usize) -> Vec<f32> {
    let loud = channels(random, dim, 4);
    let mut values = random.normals(vectors * dim);
    for x in values.chunks_exact_mut(dim.max(1)) {
        for &channel in &loud {
            x[channel] *= 20.0;
        }
    }
    values
}

fn channel_bias(random: &mut Random, vectors: usize, dim: usize) -> Vec<f32> {
    let biased = channels(random, dim, 2);
    let mut values = random.normals(vectors * dim);
    for x in values.chunks_exact_mut(dim.max(1)) {
        for (&channel, bias) in biased.iter().zip([20.0, -20.0]) {
            x[channel] += bias;
        }
    }
    values
}

fn sparse(random: &mut Random, vectors: usize, dim: usize) -> Vec<f32> {
    let mut values = vec![0.0; vectors * dim];
    for x in values.chunks_exact_mut(dim.max(1)) {
        x[random.index(dim)] = random.normal() as f32;
    }
    values
}

fn low_rank(random: &mut Random, vectors: usize, dim: usize) -> Vec<f32> {
    const RANK: usize = 8;
    let basis = random.normals(RANK * dim);
    let mut values = Vec::with_capacity(vectors * dim);
    for _ in 0..vectors {
        let weights = random.normals(RANK);
        for channel in 0..dim {
            let signal: f32 = weights.iter().zip(basis.chunks_exact(dim)).map(|(w, b)| w * b[channel]).sum();
            values.push(signal + 0.1 * random.normal() as f32);
        }
    }
    values
}

wire_listed!(Source);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_repeat_have_their_size_and_are_finite() {
        for source in Source::ALL {
            assert_eq!(Source::from_name(source.name()), Some(source));
            for dim in [1, 2, 64, 97] {
                let values = source.generate(5, dim, 3);
                assert_eq!(values.len(), 5 * dim);
                assert_eq!(values, source.generate(5, dim, 3));
                assert!(values.iter().all(|v| v.is_finite()));
            }
            assert!(source.generate(0, 64, 0).is_empty());
        }
        assert_eq!(Source::from_name("heavy"), None);
    }

    #[test]
    fn outliers_sit_in_four_channels() {
        let values = Source::OutlierChannels.generate(2000, 32, 1);
        let energy = |channel: usize| -> f32 {
            values.iter().skip(channel).step_by(32).map(|v| v * v).sum::<f32>() / 2000.0
        };
        assert_eq!((0..32).filter(|&channel| energy(channel) > 300.0).count(), 4);
        assert_eq!((0..32).filter(|&channel| energy(channel) < 1.2).count(), 28);
    }
}

//! Choices that can be computed but that the chosen program does not offer.

use super::{KvFormat, Runtime, Scenario};
use crate::leaf::BlockType;
use crate::weights::{StockType, WeightFormat};

impl Scenario {
    /// What of the choices the program does not offer, in a sentence; nothing where it offers them all.
    pub fn not_offered(&self) -> Option<String> {
        if self.runtime == Runtime::Ideal {
            return None;
        }
        let what = self.weights_not_offered().or_else(|| self.cache_not_offered())?;
        Some([&what, "; the numbers are those of a program that did."].concat())
    }

    fn weights_not_offered(&self) -> Option<String> {
        let (runtime, weights) = (self.runtime, self.weights);
        let title = runtime.title();
        match weights {
            WeightFormat::Bits(16 | 32)
            | WeightFormat::AsStored
            | WeightFormat::Stock(StockType::F32 | StockType::F16 | StockType::Bf16) => None,
            WeightFormat::Bits(_) => {
                Some(format!("{weights} weights without scales are a measure that no program writes"))
            }
            WeightFormat::Stock(_) if !runtime.takes_stock_formats() => {
                Some(format!("{title} does not read weights in {weights}, a type of GGUF files"))
            }
            WeightFormat::Published if runtime.is_llama_cpp() => {
                Some(format!("{title} does not read the maker's mobile checkpoint"))
            }
            WeightFormat::Uniform(_) if runtime.is_llama_cpp() => {
                Some(format!("{title} does not read weights in {weights}"))
            }
            _ => None,
        }
    }

    fn cache_not_offered(&self) -> Option<String> {
        let title = self.runtime.title();
        [self.k, self.v].into_iter().find_map(|format| match format {
            KvFormat::Bits(16 | 32) | KvFormat::Block(BlockType::F32 | BlockType::F16 | BlockType::Bf16) => {
                None
            }
            KvFormat::Bits(_) => Some(format!("{format} without scales is a measure that no program stores")),
            KvFormat::Block(_) if self.runtime.takes_stock_formats() => None,
            KvFormat::Block(_) | KvFormat::TurboQuant(_) => Some(format!("{title} has no cache in {format}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::registry;
    use crate::weights::UniformFormat;

    #[test]
    fn what_a_program_has_not_is_said() {
        let model = registry::model("gemma4-e2b").unwrap();
        let of = |change: fn(&mut Scenario)| {
            let mut scenario = Scenario::for_model(&model);
            change(&mut scenario);
            scenario.not_offered()
        };
        assert_eq!(of(|_| ()), None);
        assert_eq!(of(|scenario| scenario.k = KvFormat::Q8_0), None);
        let turbo = of(|scenario| scenario.v = KvFormat::TurboQuant(3)).unwrap();
        assert!(turbo.starts_with("llama.cpp (command line) has no cache in turbo3"), "{turbo}");
        assert!(of(|scenario| scenario.weights = WeightFormat::Bits(2)).is_some());
        assert!(
            of(|scenario| scenario.weights =
                WeightFormat::Uniform(UniformFormat::Mlx { bits: 4, group: 64 }))
            .is_some()
        );
        assert!(of(|scenario| scenario.runtime = Runtime::LitertLm).unwrap().contains("GGUF"));
        assert_eq!(of(|scenario| (scenario.runtime, scenario.v) = (Runtime::Ideal, KvFormat::Bits(3))), None);
    }
}

//! A placement as stacked bars: what full speed needs, and the same with tables in memory.

use super::{Component, Kind, Part, Placement, Pool, Touch};
use crate::leaf::Interval;

/// A bar of components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// What it shows.
    pub label: &'static str,
    /// Components with their bytes, in the order they are shown; the flag says that they are file pages.
    pub segments: Vec<(Component, u64, bool)>,
    /// Their sum with its interval.
    pub total: Interval,
}

impl Placement {
    /// Whether a graphics card with memory of its own holds a part.
    pub fn has_card(&self) -> bool {
        self.parts.iter().any(|part| part.pool == Pool::Vram)
    }

    /// A bar of the host's memory, or two where tables may be left on storage, after one of the cards' where there are any.
    /// What is read at load only is in none.
    pub fn stacks(&self) -> Vec<Stack> {
        let is_table = |part: &Part| part.kind == Kind::File && matches!(part.touch, Touch::Rows { .. });
        let mut stacks = Vec::new();
        let of_host = |part: &Part| matches!(part.pool, Pool::Host | Pool::Gpu);
        if self.has_card() {
            let segments = self.segments(|part| part.pool == Pool::Vram);
            stacks.push(Stack { label: "On the card", segments, total: self.needs.on_gpus() });
        }
        stacks.push(Stack {
            label: if self.has_card() { "Of the host" } else { "Needed" },
            segments: self.segments(|part| of_host(part) && !is_table(part)),
            total: self.needs.hot(),
        });
        if self.needs.table_file_bytes > 0 {
            let segments = self.segments(of_host);
            stacks.push(Stack { label: "With tables", segments, total: self.needs.resident() });
        }
        stacks
    }

    fn segments(&self, counts: impl Fn(&Part) -> bool) -> Vec<(Component, u64, bool)> {
        let mut segments: Vec<(Component, u64, bool)> = Vec::new();
        let left = |part: &Part| part.kind == Kind::File && matches!(part.touch, Touch::Load | Touch::Never);
        for part in self.parts.iter().filter(|part| !left(part) && counts(part)) {
            // Slivers of the process share a colour: there are eight.
            let component = match part.component {
                Component::Libraries | Component::PageTables => Component::Runtime,
                Component::DraftCache | Component::DraftCompute => Component::Draft,
                component => component,
            };
            let file = part.kind != Kind::Anonymous;
            match segments.iter_mut().find(|(known, _, is_file)| *known == component && *is_file == file) {
                Some((_, bytes, _)) => *bytes += part.size.bytes,
                None => segments.push((component, part.size.bytes, file)),
            }
        }
        segments.retain(|(_, bytes, _)| *bytes > 0);
        segments
    }
}

#[cfg(test)]
mod tests {
    use crate::device::GpuKind;
    use crate::memory::Scenario;
    use crate::model::registry;
    use crate::placement::{Machine, Placement};
    use crate::weights::WeightPlan;

    #[test]
    fn the_parts_of_a_bar_add_up_to_its_total() {
        for model in registry::models() {
            let scenario = Scenario::for_model(&model);
            let plan = WeightPlan::new(&model, scenario.weights).unwrap();
            let card =
                Machine { gpu: Some(GpuKind::Discrete), gpu_memory_bytes: Some(8 << 30), ..Machine::X86 };
            for machine in [Machine::X86, card] {
                for stack in Placement::of(&model, &plan, &scenario, machine).stacks() {
                    let sum: u64 = stack.segments.iter().map(|(_, bytes, _)| bytes).sum();
                    assert_eq!(sum, stack.total.bytes, "{} {}", model.architecture.name, stack.label);
                }
            }
        }
    }
}

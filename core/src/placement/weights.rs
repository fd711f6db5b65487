//! Weights of a model, put together by what they are, how they are held and when they are touched.

use super::case::Case;
use super::part::{Component, Kind, Part, Pool, Touch};
use crate::leaf::Interval;
use crate::leaf::number::padded;
use crate::model::architecture::Encoder;
use crate::model::tensor::{Active, Role, Tensor};
use crate::weights::{PlannedTensor, WeightFormat};

/// Where a runtime puts one tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) pool: Pool,
    pub(super) card: Option<usize>,
    pub(super) kind: Kind,
    pub(super) touch: Touch,
}

impl Place {
    pub(super) const fn host(kind: Kind, touch: Touch) -> Self {
        Self::in_pool(Pool::Host, kind, touch)
    }

    pub(super) const fn in_pool(pool: Pool, kind: Kind, touch: Touch) -> Self {
        Self { pool, card: None, kind, touch }
    }
}

/// When a decoded token reads a tensor of `bytes`.
///
/// In the publisher's mobile checkpoint the head is in the decoder section, and both tables are look-ups.
pub(super) fn touch(case: &Case<'_>, tensor: &Tensor, bytes: u64) -> Touch {
    let row_bytes = bytes.checked_div(tensor.rows).unwrap_or(0);
    let apart = case.plan.format == WeightFormat::Published && tensor.role == Role::TokenEmbedding;
    match tensor.active {
        _ if apart => Touch::Rows { row_bytes },
        Active::All => Touch::Token,
        Active::Row => Touch::Rows { row_bytes },
        Active::Experts { active, experts } => {
            Touch::Experts { active, of: experts, matrix_bytes: bytes.checked_div(experts).unwrap_or(0) }
        }
        Active::Nothing => Touch::Load,
    }
}

fn component(role: Role) -> Option<Component> {
    Some(match role {
        Role::Vision | Role::Audio => return None,
        Role::TokenEmbedding => Component::TokenEmbedding,
        Role::OutputHead => Component::OutputHead,
        Role::PleTable => Component::PleTable,
        Role::Unused => Component::UnusedWeights,
        Role::ExpertGate | Role::ExpertUp | Role::ExpertDown => Component::Experts,
        _ => Component::Decoder,
    })
}

/// Bytes by what they are and where they lie, in the order that they are shown.
#[derive(Debug, Default)]
pub(super) struct Groups(Vec<(Component, Place, u64)>);

/// Parts of all text weights; `put` adds every place of a tensor's bytes to the groups.
///
/// Not generic over `put`: a copy of this for each runtime would be felt in the page's size.
pub(super) fn parts(
    case: &Case<'_>,
    put: &dyn Fn(Component, &Tensor, &PlannedTensor, &mut Groups),
) -> Vec<Part> {
    let mut groups = Groups::default();
    for (tensor, planned) in case.model.tensors.iter().zip(&case.plan.tensors) {
        if let Some(component) = component(tensor.role) {
            put(component, tensor, planned, &mut groups);
        }
    }
    let used = groups.0.into_iter().filter(|(.., bytes)| *bytes > 0);
    used.map(|(component, place, bytes)| part(case, component, place, bytes)).collect()
}

/// Parts of weights that lie in host memory once, all of this kind.
pub(super) fn all_of(case: &Case<'_>, kind: Kind) -> Vec<Part> {
    all_in(case, Pool::Host, kind)
}

/// Parts of weights that lie in one pool once, all of this kind.
pub(super) fn all_in(case: &Case<'_>, pool: Pool, kind: Kind) -> Vec<Part> {
    parts(case, &|component, tensor, planned, groups| {
        groups.add(component, Place::in_pool(pool, kind, touch(case, tensor, planned.bytes)), planned.bytes);
    })
}

impl Groups {
    pub(super) fn add(&mut self, component: Component, place: Place, bytes: u64) {
        let groups = &mut self.0;
        let found = groups.iter_mut().find(|(known, at, _)| *known == component && is_alike(at, &place));
        if let Some((_, at, sum)) = found {
            if let (Touch::Experts { matrix_bytes, .. }, Touch::Experts { matrix_bytes: other, .. }) =
                (&mut at.touch, place.touch)
            {
                *matrix_bytes = mean_matrix((*sum, *matrix_bytes), (bytes, other));
            }
            *sum += bytes;
            return;
        }
        // In the order that they are shown; a sort would cost the page several kilobytes.
        let key = |component: Component, place: &Place| (component, order(place));
        let before = |(known, at, _): &(Component, Place, u64)| key(*known, at) <= key(component, &place);
        let index = groups.partition_point(before);
        groups.insert(index, (component, place, bytes));
    }
}

/// Mean bytes of a matrix over two sets of them, each given by all its bytes and those of one matrix.
pub(super) fn mean_matrix(one: (u64, u64), other: (u64, u64)) -> u64 {
    let count = |(bytes, matrix): (u64, u64)| bytes.checked_div(matrix).unwrap_or(0);
    (one.0 + other.0).checked_div(count(one) + count(other)).unwrap_or(0)
}

/// Whether two places are shown as one: experts' matrices of different widths are.
fn is_alike(one: &Place, other: &Place) -> bool {
    let touch = match (one.touch, other.touch) {
        (Touch::Experts { active, of, .. }, Touch::Experts { active: a, of: b, .. }) => {
            active == a && of == b
        }
        (one, other) => one == other,
    };
    touch && one.pool == other.pool && one.card == other.card && one.kind == other.kind
}

/// What every token reads comes before what is read at load only; cards in their order.
fn order(place: &Place) -> (u8, Option<usize>) {
    (u8::from(matches!(place.touch, Touch::Load | Touch::Never)), place.card)
}

fn part(case: &Case<'_>, component: Component, place: Place, bytes: u64) -> Part {
    let format = case.plan.format;
    let note = match (component, place.touch) {
        (Component::UnusedWeights, _) => "carried by the file, read by nothing".to_owned(),
        (Component::PackedWeights, _) => String::new(),
        (Component::PleTable, Touch::Rows { row_bytes }) => {
            let rows = case.model.architecture.ple.as_ref().map_or(0, |ple| ple.rows);
            format!("{}, {rows} rows of {row_bytes} B", table_type(case, Role::PleTable))
        }
        (Component::TokenEmbedding, Touch::Rows { .. }) => {
            format!("{}, looked up by rows", table_type(case, Role::TokenEmbedding))
        }
        (Component::TokenEmbedding, _) => {
            format!("{}, also the output head", table_type(case, Role::TokenEmbedding))
        }
        // A tied one is the token embeddings' matrix once more.
        (Component::OutputHead, _) if !has(case, Role::OutputHead) => table_type(case, Role::TokenEmbedding),
        (Component::OutputHead, _) => table_type(case, Role::OutputHead),
        (_, Touch::Load) => format!("{format}, originals of packed matrices"),
        _ => format!("{format}, per tensor"),
    };
    let mut part = Part::exact(component, bytes, place.kind, place.touch, note);
    part.provenance = case.plan.provenance;
    (part.pool, part.card) = (place.pool, place.card);
    if place.pool == Pool::Storage {
        part.size = Interval::exact(bytes);
        part.reserved = 0;
    }
    part
}

fn has(case: &Case<'_>, role: Role) -> bool {
    case.model.tensors.iter().any(|tensor| tensor.role == role)
}

fn table_type(case: &Case<'_>, role: Role) -> String {
    let found = case.model.tensors.iter().zip(&case.plan.tensors).find(|(tensor, _)| tensor.role == role);
    let block = found.and_then(|(_, planned)| planned.block);
    block.map_or_else(|| case.plan.format.to_string(), |block| block.name().to_owned())
}

/// Vision and audio towers, which are loaded from a file of their own into anonymous memory.
pub(super) fn towers(case: &Case<'_>) -> Vec<Part> {
    let (model, scenario) = (case.model, case.scenario);
    let parts = [
        (Component::Vision, Role::Vision, &model.architecture.vision, scenario.vision),
        (Component::Audio, Role::Audio, &model.architecture.audio, scenario.audio),
    ];
    let tower = |(component, role, encoder, kept): (Component, Role, &Option<_>, bool)| {
        let encoder: &Encoder = encoder.as_ref()?;
        let stored =
            if model.is_stored() { case.plan.bytes_where(model, |tensor| tensor.role == role) } else { 0 };
        let bytes = if stored > 0 { stored } else { encoder.bytes };
        let note = if !kept {
            "left out".to_owned()
        } else if encoder.parameters > 0 {
            format!("{} M parameters", padded(encoder.parameters as f64 / 1e6, 1))
        } else {
            "size as stated".to_owned()
        };
        let bytes = if kept { bytes } else { 0 };
        Some(Part::exact(component, bytes, Kind::Anonymous, Touch::Prompt, note))
    };
    parts.into_iter().filter_map(tower).collect()
}

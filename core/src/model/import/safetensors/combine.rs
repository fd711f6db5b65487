//! Header and architecture into a model: every tensor of the file with its role, exact type and bytes.

use super::super::draft;
use super::super::hf_config::{OWN_BYTES, StoredBits};
use super::super::names::{self, Names, Place};
use super::packed::{self, Matrix};
use super::{SafetensorsModelError, deduce};
use crate::format::safetensors::Header;
use crate::leaf::BlockType;
use crate::model::architecture::{Architecture, Encoder, Ffn, KvSource};
use crate::model::tensor::{Active, Role, Stored, Tensor};
use crate::model::{Model, Origin};

impl Header {
    /// The model, as far as names and shapes tell; what they do not is listed in `assumptions`.
    pub fn model(&self) -> Result<Model, SafetensorsModelError> {
        let architecture = deduce::architecture(self)?;
        self.assemble(architecture, &StoredBits::default())
    }

    /// The model of a config with this file's tensors.
    ///
    /// `bits` is what one weight of each matrix takes in a quantised checkpoint, as the config states it.
    pub fn with_config(&self, config: Model, bits: &StoredBits) -> Result<Model, SafetensorsModelError> {
        deduce::check_whole(self)?;
        self.check_against(&config.architecture)?;
        let counted = config.parameters().text;
        let more_layers = self.layers(&self.names()).saturating_sub(config.architecture.layers.len() as u64);
        let more_layers = more_layers.saturating_sub(config.architecture.published.mtp_layers);
        let mut model = self.assemble(config.architecture, bits)?;
        let holds = |sentence: &String| {
            !sentence.contains("size is not worked out here") && !sentence.contains(OWN_BYTES)
        };
        model.architecture.assumptions.retain(holds);
        if bits.other_form {
            unpack(&mut model, counted);
        }
        disagree(&mut model, counted, more_layers);
        model.architecture.uncounted.clear();
        Ok(model)
    }

    /// What its names tell together.
    pub(super) fn names(&self) -> Names<'_> {
        Names::of(self.tensors.iter().map(|tensor| tensor.name.as_str()))
    }

    /// Layers, by the last one's number.
    fn layers(&self, names: &Names<'_>) -> u64 {
        let layers = self.tensors.iter().filter_map(|tensor| names.place(&tensor.name).layer);
        layers.max().map_or(0, |last| last as u64 + 1)
    }

    fn check_against(&self, architecture: &Architecture) -> Result<(), SafetensorsModelError> {
        let compare = |what, found, expected| {
            if found == expected {
                Ok(())
            } else {
                Err(SafetensorsModelError::Mismatch { what, found, expected })
            }
        };
        // DeepSeek stores its drafting layer after the last; it is not counted.
        let names = self.names();
        let found = self.layers(&names);
        let expected = architecture.layers.len() as u64;
        if found < expected {
            compare("layers", found, expected)?;
        }
        for tensor in &self.tensors {
            let place = names.place(&tensor.name);
            let layer = place.layer.and_then(|layer| architecture.layers.get(layer));
            let attention = layer.and_then(|layer| layer.attention());
            let attention = attention.filter(|attention| attention.owns_cache() && !attention.listed);
            let plain = !matches!(tensor.block, BlockType::I32 | BlockType::U8 | BlockType::I64);
            if let (Some(attention), "self_attn.k_proj.weight", true) = (attention, place.rest, plain) {
                let expected = attention.cached_channels().0;
                compare("channels of keys in a layer", tensor.rows(), expected)?;
            }
        }
        let norm = self.tensors.iter().find(|tensor| {
            let place = names.place(&tensor.name);
            place.layer.is_some()
                && tensor.name.ends_with("norm.weight")
                && place.rest.matches('.').count() == 1
        });
        norm.map_or(Ok(()), |norm| {
            compare("channels in the stream", norm.elements(), architecture.hidden_size)
        })
    }

    fn assemble(
        &self,
        mut architecture: Architecture,
        bits: &StoredBits,
    ) -> Result<Model, SafetensorsModelError> {
        let (matrices, names) = (packed::fold(self), self.names());
        let head = matrices.iter().any(|matrix| role(matrix, &names) == Role::OutputHead);
        architecture.embeddings.tied &= !head;
        let mut tensors = Vec::new();
        for matrix in &matrices {
            tensors.push(self.tensor(matrix, &names, &architecture, bits)?);
        }
        architecture.vision = tower(&tensors, Role::Vision);
        architecture.audio = tower(&tensors, Role::Audio);
        draft::believable(&architecture, &tensors)?;
        let origin = Origin::Safetensors { file_bytes: self.file_bytes };
        Ok(Model { architecture, tensors, origin, profile: None })
    }

    fn tensor(
        &self,
        matrix: &Matrix<'_>,
        names: &Names<'_>,
        architecture: &Architecture,
        bits: &StoredBits,
    ) -> Result<Tensor, SafetensorsModelError> {
        let info = matrix.info;
        let place = names.place(&info.name);
        let elements = matrix.elements(bits).ok_or_else(|| SafetensorsModelError::NeedsConfig {
            source_name: self.source.clone(),
            reason: format!("`{}` packs several weights into a word, and nothing says how many", info.name),
        })?;
        let layer = place.layer.filter(|layer| *layer < architecture.layers.len());
        let mut role = role(matrix, names);
        let mut active = active(role, &place, layer, info.shape.first().copied().unwrap_or(1), architecture);
        let unread = place.layer.is_some() && layer.is_none() || is_unread(role, &place, layer, architecture);
        if role == Role::Unused || unread {
            (role, active) = (Role::Unused, Active::Nothing);
        }
        let rows = info.rows().max(1);
        // A packed matrix keeps no rows that could be relied on, but for tables, whose rows are tokens in every form.
        let (rows, row_length) = match matrix.packed {
            true if role.is_table() && elements.is_multiple_of(rows) => (rows, elements / rows),
            true => (1, elements),
            false => (rows, info.row_length()),
        };
        Ok(Tensor {
            name: info.name.clone(),
            role,
            layer,
            rows,
            row_length,
            active,
            stored: Some(Stored { block: info.block, bytes: matrix.bytes }),
        })
    }
}

/// Say by both figures where the file holds more or less than the config describes.
fn disagree(model: &mut Model, counted: u64, more_layers: u64) {
    let found = model.parameters().text;
    let layers = model.architecture.layers.len() as u64;
    if more_layers > 0 {
        model.architecture.assumptions.push(format!(
            "the file has {} layers, the config {layers}: those beyond the config's are counted as unused, and without a cache",
            layers.saturating_add(more_layers)
        ));
    }
    // Norms and biases of a family that is not listed are assumed, and matrices may be filled up.
    if found.abs_diff(counted) > counted / 1000 {
        model.architecture.assumptions.push(format!(
            "the file has {found} parameters of the text part, the config describes {counted}: bytes are the file's, and what one of them lacks is not known here"
        ));
    }
}

/// Where the form in which matrices are packed is not read here, their parameters are those of the config, shared out by
/// bytes; their bytes are the file's.
fn unpack(model: &mut Model, counted: u64) {
    let found = model.parameters().text;
    if found.abs_diff(counted) <= counted / 100 {
        return;
    }
    let is_packed = |tensor: &Tensor| {
        let block = tensor.stored.map(|stored| stored.block);
        let float = matches!(block, Some(BlockType::F32 | BlockType::F16 | BlockType::Bf16));
        tensor.layer.is_some() && !tensor.role.is_tower() && tensor.active != Active::Nothing && !float
    };
    let packed: u64 = model.tensors.iter().filter(|tensor| is_packed(tensor)).map(Tensor::elements).sum();
    let wanted = (counted + packed).saturating_sub(found);
    for tensor in model.tensors.iter_mut().filter(|_| packed > 0) {
        if is_packed(tensor) {
            let share = u128::from(tensor.elements()) * u128::from(wanted) / u128::from(packed);
            (tensor.rows, tensor.row_length) = (1, u64::try_from(share).unwrap_or(u64::MAX));
        }
    }
    // What rounding has left over.
    let left = counted.saturating_sub(model.parameters().text);
    if let Some(last) = model.tensors.iter_mut().rfind(|tensor| packed > 0 && is_packed(tensor)) {
        last.row_length = last.row_length.saturating_add(left);
    }
    model.architecture.assumptions.push(format!(
        "parameters are those of the config: the file packs weights in a form that is not read here, and would give {found}"
    ));
}

fn role(matrix: &Matrix<'_>, names: &Names<'_>) -> Role {
    // Packed words may be stored flat; what they hold is a matrix all the same.
    let dimensions = if matrix.packed { 2 } else { matrix.info.shape.len() };
    let name = &matrix.info.name;
    let mut words = packed::WORDS.iter().filter(|ending| **ending != ".weight");
    let stem = words.find_map(|ending| name.strip_suffix(ending));
    names::role(&names.place(stem.unwrap_or(name)), dimensions)
}

/// Keys and values of a layer that reads another's.
fn is_unread(role: Role, place: &Place<'_>, layer: Option<usize>, architecture: &Architecture) -> bool {
    let shares = layer.and_then(|layer| architecture.layers.get(layer)?.attention());
    let shares = shares.is_some_and(|attention| attention.kv != KvSource::Own);
    shares && (matches!(role, Role::AttentionK | Role::AttentionV) || place.rest.contains("k_norm"))
}

fn active(
    role: Role,
    place: &Place<'_>,
    layer: Option<usize>,
    first: u64,
    architecture: &Architecture,
) -> Active {
    match role {
        Role::TokenEmbedding if !architecture.embeddings.tied => Active::Row,
        Role::PleTable => Active::Row,
        Role::Vision | Role::Audio => Active::Nothing,
        _ if names::routed(place.rest) => {
            let ffn = layer.and_then(|layer| architecture.layers.get(layer)).map(|layer| &layer.ffn);
            match ffn {
                Some(Ffn::Experts { experts, active, .. }) => {
                    Active::Experts { active: *active, experts: *experts }
                }
                _ => Active::Experts { active: 1, experts: first.max(1) },
            }
        }
        _ => Active::All,
    }
}

/// What a tower's tensors come to.
fn tower(tensors: &[Tensor], role: Role) -> Option<Encoder> {
    let of = tensors.iter().filter(|tensor| tensor.role == role);
    let (parameters, bytes) = of.fold((0_u64, 0_u64), |(parameters, bytes), tensor| {
        let stored = tensor.stored.map_or(0, |stored| stored.bytes);
        (parameters.saturating_add(tensor.elements()), bytes.saturating_add(stored))
    });
    (parameters > 0).then_some(Encoder { parameters, bytes })
}

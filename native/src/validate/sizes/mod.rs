//! llama.cpp's quantiser in a dry run, and its contexts made without allocating: the questions for one model, in the order
//! in which they build on one another.
//!
//! The quantiser gets a file in f16, so the types are its own. What is placed afterwards has the types it chose, not those
//! of a plan. Files have a header and a hole, and a child process does each model's work.

pub(crate) mod child;

use super::sparse::put as sparse;
use child::{Reply, Task, Work, answer};
use dhurandhar_core::Model;
use dhurandhar_core::export::{f16_header, typed_header};
use dhurandhar_core::leaf::BlockType;
use dhurandhar_core::measurement::size_validation::{MeasuredModel, card_grid, grid};
use dhurandhar_core::model::architecture::Ffn;
use dhurandhar_core::weights::StockType;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Mixes that every model is asked for.
const MIXES: [StockType; 9] = [
    StockType::Q4KM,
    StockType::Q4_0,
    StockType::Q8_0,
    StockType::Q5KM,
    StockType::Q3KM,
    StockType::Q2K,
    StockType::Iq4Xs,
    StockType::Q4KS,
    StockType::Q6K,
];
/// Processors of this machine's kind, by the back end that is built for them.
const HERE: [(&str, &str); 2] = [("avx2", "libggml-cpu-haswell.so"), ("avx512", "libggml-cpu-skylakex.so")];
/// The same for 64-bit Arm.
const ARM: [(&str, &str); 2] =
    [("arm", "libggml-cpu-armv8.0_1.so"), ("arm-dotprod", "libggml-cpu-armv8.2_1.so")];

/// Where llama.cpp's libraries are and where files are put.
#[derive(Debug)]
pub(crate) struct Builds {
    /// Libraries for this machine's processor.
    pub(crate) here: PathBuf,
    /// Libraries for 64-bit Arm, and the command that runs this program for it.
    pub(crate) arm: Option<(PathBuf, String)>,
    /// Libraries of a build with a GPU back end.
    pub(crate) card: Option<PathBuf>,
    /// Folder for files with a header and a hole.
    pub(crate) scratch: PathBuf,
}

/// Everything; what fails is said in the answer's complaint.
pub(crate) fn ask(builds: &Builds, name: &str, model: &Model) -> anyhow::Result<MeasuredModel> {
    let libraries = builds.here.as_path();
    let mut measured = MeasuredModel::default();
    let scratch = &builds.scratch;
    let path = |what: &str| scratch.join(format!("{name}-{what}-{}.gguf", std::process::id()));
    let header = match f16_header(model) {
        Ok(header) => header,
        Err(error) => {
            measured.complaint = error.to_string();
            return Ok(measured);
        }
    };
    let experts = model.architecture.layers.iter().any(|layer| matches!(layer.ffn, Ffn::Experts { .. }));
    let mut mixes = MIXES.to_vec();
    mixes.extend(experts.then_some(StockType::Mxfp4Moe));
    let file = sparse(&header, path("f16"))?;
    let work = Work::Quantise(mixes.iter().map(|mix| (mix.name().to_owned(), mix.llama_code())).collect());
    let task = Task { libraries: libraries.to_owned(), back_end: None, file: file.path.clone(), work };
    match answer(None, &task)? {
        Reply::Types { runtime, types } => (measured.runtime, measured.types) = (runtime, types),
        reply => measured.complaint = reply.complaint(),
    }
    drop(file);
    contexts(&mut measured, libraries, model, &path("q4_k_m"))?;
    if let Some(libraries) = &builds.card {
        cards(&mut measured, libraries, model, &path("card"))?;
    }
    // Among them every type that has a layout somewhere.
    const PACKED: [StockType; 5] =
        [StockType::Q4KM, StockType::Q4_0, StockType::Q8_0, StockType::Q2K, StockType::Mxfp4Moe];
    for mix in mixes.iter().filter(|mix| PACKED.contains(mix)) {
        let file = path(mix.name());
        for (processor, back_end) in HERE {
            packed(&mut measured, None, libraries, (processor, back_end), model, mix.name(), &file)?;
        }
        if let Some((folder, runner)) = &builds.arm {
            for (processor, back_end) in ARM {
                packed(&mut measured, Some(runner), folder, (processor, back_end), model, mix.name(), &file)?;
            }
        }
    }
    Ok(measured)
}

/// Types as this project names them.
fn blocks(types: &BTreeMap<String, String>) -> BTreeMap<String, BlockType> {
    let block = |name: &str| BlockType::ALL.iter().find(|block| block.name() == name).copied();
    types.iter().filter_map(|(tensor, name)| Some((tensor.clone(), block(name)?))).collect()
}

fn contexts(
    measured: &mut MeasuredModel,
    libraries: &Path,
    model: &Model,
    path: &Path,
) -> anyhow::Result<()> {
    let Some(types) = measured.types.get("q4_k_m") else { return Ok(()) };
    let file = sparse(&typed_header(model, &blocks(types))?, path.to_owned())?;
    let task = Task {
        libraries: libraries.to_owned(),
        back_end: None,
        file: file.path.clone(),
        work: Work::Contexts(grid(model)),
    };
    match answer(None, &task)? {
        Reply::Contexts(settings) => measured.settings = settings,
        reply => measured.complaint = reply.complaint(),
    }
    Ok(())
}

fn cards(measured: &mut MeasuredModel, libraries: &Path, model: &Model, path: &Path) -> anyhow::Result<()> {
    let Some(types) = measured.types.get("q4_k_m") else { return Ok(()) };
    let file = sparse(&typed_header(model, &blocks(types))?, path.to_owned())?;
    let work = Work::Cards(card_grid(model));
    let task = Task { libraries: libraries.to_owned(), back_end: None, file: file.path.clone(), work };
    match answer(None, &task)? {
        Reply::Cards(settings) => measured.cards = settings,
        reply => measured.complaint = reply.complaint(),
    }
    Ok(())
}

fn packed(
    measured: &mut MeasuredModel,
    runner: Option<&String>,
    libraries: &Path,
    (processor, back_end): (&str, &str),
    model: &Model,
    mix: &str,
    path: &Path,
) -> anyhow::Result<()> {
    let Some(types) = measured.types.get(mix) else { return Ok(()) };
    let file = sparse(&typed_header(model, &blocks(types))?, path.to_owned())?;
    let task = Task {
        libraries: libraries.to_owned(),
        back_end: Some(back_end.to_owned()),
        file: file.path.clone(),
        work: Work::Packed,
    };
    match answer(runner.map(String::as_str), &task)? {
        Reply::Packed(bytes) => measured.packed.push((processor.to_owned(), mix.to_owned(), bytes)),
        reply => measured.complaint = reply.complaint(),
    }
    Ok(())
}

//! A model whose files are elsewhere, or the choice that its name leaves.

use super::{beginning, local};
use crate::bad_input;
use crate::cli::output;
use crate::hub::{Found, Remote, RemoteFile, Several};
use dhurandhar_core::device::Device;
use dhurandhar_core::feasibility::offered;
use dhurandhar_core::model::hub::titled;
use dhurandhar_core::model::{Model, import};

/// Lines of a choice that people still read.
const MOST_SHOWN: usize = 40;

/// The model that was found.
pub(super) fn model(found: Found, devices: &[Device]) -> anyhow::Result<Model> {
    match found {
        Found::Local { path, title } => Ok(titled(local::at(&path)?, &title)),
        Found::Remote(remote) => read(remote),
        Found::Several(several) => Err(choice(several, devices)),
    }
}

/// Read as much of each part as its header takes.
fn read(mut remote: Remote) -> anyhow::Result<Model> {
    let config = remote.config.as_deref();
    let model = match remote.parts.as_mut_slice() {
        [file] => {
            let name = file.name().to_owned();
            beginning::import(file, |bytes, length| {
                Ok(match config {
                    Some(config) => import::import_with_config(&name, bytes, length, config),
                    None => import::import(&name, bytes, length),
                })
            })?
        }
        parts => {
            let headers = parts.iter_mut().map(|part| {
                let name = part.name().to_owned();
                beginning::import(part, |bytes, length| Ok(import::gguf_part(&name, bytes, length)))
            });
            let headers = headers.collect::<anyhow::Result<Vec<_>>>()?;
            import::gguf_joined(&remote.title, headers).map_err(bad_input)?
        }
    };
    remote.parts.iter_mut().for_each(RemoteFile::keep);
    Ok(titled(model, &remote.title))
}

/// The models that a name leaves to choose from: quantisation, size, and whether it runs on the devices that were named.
fn choice(several: Several, devices: &[Device]) -> anyhow::Error {
    let Several { repository, offers, smallest } = several;
    // The file that takes the least to read says what all of them are.
    let model = if devices.is_empty() { None } else { read(smallest).ok() };
    let mut text = format!("{repository} has {} models; expected one, such as {repository}:", offers.len());
    text += offers.first().map_or("Q4_K_M", |offer| offer.label.as_str());
    let mut rows = vec![vec!["  Quantisation".to_owned(), "MiB".to_owned()]];
    for row in &mut rows {
        row.extend(devices.iter().map(|device| device.name.clone()));
    }
    rows.extend(offers.iter().take(MOST_SHOWN).map(|offer| {
        let size = offer.bytes.map_or_else(|| "?".to_owned(), output::mib);
        let fits = devices
            .iter()
            .map(|device| offered(model.as_ref(), &offer.label, offer.bytes, device).to_owned());
        [format!("  {}", offer.label), size].into_iter().chain(fits).collect()
    }));
    for line in output::columns(&[1], &rows) {
        text += &format!("\n{line}");
    }
    if let Some(more) = offers.len().checked_sub(MOST_SHOWN).filter(|more| *more > 0) {
        text += &format!("\n  and {more} larger ones");
    }
    bad_input(text)
}

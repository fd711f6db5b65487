//! Which files of a repository are a model's, found with as few questions as its kind allows.
//!
//! A checkpoint has a config and a file or an index of weights, whose names are known; only when they are not there is the
//! repository's list of files asked for. The questions are put here; whoever reads the hub answers them.

use super::name::HubName;
use super::offers::{Listed, Offer, few, label, offers, parts, split, within};

/// Weights of a checkpoint, the usual one first.
const WEIGHTS: [&str; 2] = ["model.safetensors", "model.safetensors.index.json"];
/// Endings of weights of other programs, and what they are.
const FOREIGN: [(&str, &str); 5] = [
    (".onnx", "ONNX weights"),
    (".tflite", "TensorFlow Lite weights"),
    (".litertlm", "LiteRT-LM weights"),
    (".h5", "Keras weights"),
    (".msgpack", "Flax weights"),
];
/// Endings of pickled weights.
const PICKLES: [&str; 5] = [".bin", ".pt", ".pth", ".ckpt", ".pkl"];

/// What has to be known next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// The whole text of a small file.
    Text(String),
    /// Whether a file is there; its beginning will be read.
    Beginning(String),
    /// Every file of the repository.
    List,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// There is no such file; what was to be said of that.
    Absent(String),
    /// The text.
    Text(Vec<u8>),
    /// The file is there.
    There,
    /// The files.
    List(Vec<Listed>),
}

/// A model's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// One, or all parts of a split one, in order.
    pub parts: Vec<String>,
    /// The config that completes a safetensors file or index.
    pub config: Option<Vec<u8>>,
}

/// How a search goes on.
#[derive(Debug)]
pub enum Next {
    /// It asks.
    Ask(Ask, Search),
    /// It has found a model.
    Model(Files),
    /// There are several, smallest first, one of which has to be named.
    Several(Vec<Offer>),
    /// There is none, and why.
    Refused(String),
}

/// A search that waits for an answer.
#[derive(Debug)]
pub struct Search {
    name: HubName,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// The config of a checkpoint.
    Config,
    /// Weights by their usual names, from one of them on.
    Weights(usize, Vec<u8>),
    /// All files, after the usual names have led nowhere.
    Files(Option<Vec<u8>>),
    /// All files, for a quantisation.
    Quantised(String),
    /// A file that was named.
    Named(String),
    /// All files, for what there is instead of it.
    Instead(String),
    /// The config beside it.
    Beside(Vec<String>),
}

/// Whether what stands after the colon is a file rather than a quantisation.
fn is_file(wanted: &str) -> bool {
    let lower = wanted.to_ascii_lowercase();
    [".gguf", ".safetensors", ".json"].iter().any(|ending| lower.ends_with(ending))
}

/// One of several safetensors files at the top of a repository.
fn is_shard(wanted: &str) -> bool {
    !wanted.contains('/') && wanted.contains("-of-") && wanted.ends_with(".safetensors")
}

impl Search {
    /// Begins to look for what a name says.
    pub fn start(name: HubName) -> Next {
        match name.wanted.clone() {
            // A shard says nothing of the others: the checkpoint is meant.
            Some(file) if is_shard(&file) => Self::start(HubName { wanted: None, ..name }),
            Some(file) if is_file(&file) => {
                let first = parts(&file).into_iter().next().unwrap_or_else(|| file.clone());
                Self { name, step: Step::Named(file) }.ask(Ask::Beginning(first))
            }
            Some(label) => Self { name, step: Step::Quantised(label) }.ask(Ask::List),
            None => Self { name, step: Step::Config }.ask(Ask::Text("config.json".to_owned())),
        }
    }

    fn ask(self, ask: Ask) -> Next {
        Next::Ask(ask, self)
    }

    fn weights(name: HubName, at: usize, config: Vec<u8>) -> Next {
        match WEIGHTS.get(at) {
            Some(file) => {
                Self { name, step: Step::Weights(at, config) }.ask(Ask::Beginning((*file).to_owned()))
            }
            None => Self { name, step: Step::Files(Some(config)) }.ask(Ask::List),
        }
    }

    /// Goes on with the answer.
    pub fn answered(self, answer: Answer) -> Next {
        let Self { name, step } = self;
        let model = |parts, config| Next::Model(Files { parts, config });
        match (step, answer) {
            (Step::Config, Answer::Text(config)) => Self::weights(name, 0, config),
            (Step::Config, _) => Self { name, step: Step::Files(None) }.ask(Ask::List),
            (Step::Weights(at, config), Answer::There) => {
                model(WEIGHTS.get(at).map(|file| (*file).to_owned()).into_iter().collect(), Some(config))
            }
            (Step::Weights(at, config), _) => Self::weights(name, at + 1, config),
            (Step::Files(config), Answer::List(files)) => among(&name, &files, config),
            (Step::Quantised(wanted), Answer::List(files)) => quantised(&name, &wanted, &files),
            (Step::Named(file), Answer::There) => {
                let parts = parts(&file);
                if file.ends_with(".safetensors") || file.ends_with(".safetensors.index.json") {
                    let config = within(split(&file).0, "config.json");
                    return Self { name, step: Step::Beside(parts) }.ask(Ask::Text(config));
                }
                model(parts, None)
            }
            (Step::Named(_), Answer::Absent(problem)) => {
                Self { name, step: Step::Instead(problem) }.ask(Ask::List)
            }
            (Step::Instead(problem), Answer::List(files)) => {
                let there: Vec<String> =
                    files.into_iter().map(|file| file.path).filter(|path| is_file(path)).collect();
                let instead = if there.is_empty() {
                    String::new()
                } else {
                    format!("; expected one of {}", few(&there))
                };
                Next::Refused(problem + &instead)
            }
            (Step::Beside(parts), Answer::Text(config)) => model(parts, Some(config)),
            (Step::Beside(parts), _) => model(parts, None),
            // Where not even a list is to be had, what was missed first is what is said.
            (Step::Instead(problem), _) | (_, Answer::Absent(problem)) => Next::Refused(problem),
            (_, _) => Next::Refused(format!("the files of {} cannot be listed", name.shown())),
        }
    }
}

/// The repository's one model among all its files.
fn among(name: &HubName, files: &[Listed], config: Option<Vec<u8>>) -> Next {
    let mut found = offers(files);
    match found.len() {
        0 => without_gguf(name, files, config),
        1 => Next::Model(Files { parts: found.swap_remove(0).parts, config: None }),
        _ => Next::Several(found),
    }
}

/// A checkpoint under another name, or the reason why there is none.
fn without_gguf(name: &HubName, files: &[Listed], config: Option<Vec<u8>>) -> Next {
    let shown = name.shown();
    let has = |wanted: &str| files.iter().any(|file| file.path == wanted);
    let with = |ending: &str| files.iter().filter(|file| file.path.ends_with(ending)).collect::<Vec<_>>();
    let alone = if config.is_some() {
        format!("; expected one with safetensors or GGUF, or {shown}:config.json for what its config says")
    } else {
        "; expected one with safetensors or GGUF files".to_owned()
    };
    match with(".safetensors").as_slice() {
        [one] if config.is_some() => return Next::Model(Files { parts: vec![one.path.clone()], config }),
        [] => {}
        _ if has("adapter_config.json") => {
            return Next::Refused(format!(
                "{shown} is a LoRA adapter, which runs on its base model; expected that one's name, as adapter_config.json says it"
            ));
        }
        _ if has("model_index.json") => {
            return Next::Refused(format!(
                "{shown} is a diffusion model; expected a decoder-only language model"
            ));
        }
        several => {
            let paths: Vec<String> = several.iter().map(|file| file.path.clone()).collect();
            let first = several.first().map(|file| file.path.as_str()).unwrap_or_default();
            return Next::Refused(format!(
                "{shown} has safetensors files under no usual name; expected one of them, as {shown}:{first}, of {}",
                few(&paths)
            ));
        }
    }
    if let Some(projector) = with(".gguf").first() {
        return Next::Refused(format!("{shown} has no GGUF model, only {}{alone}", projector.path));
    }
    let foreign = FOREIGN.iter().find_map(|(ending, what)| Some((with(ending).first().copied()?, what)));
    let pickle = PICKLES.iter().find_map(|ending| with(ending).first().copied());
    Next::Refused(match pickle {
        Some(pickle) => {
            format!("{shown} has pickled weights only ({}), which are a program{alone}", pickle.path)
        }
        None => match foreign {
            Some((file, what)) => {
                format!("{shown} has {what} only ({}), which are not read here{alone}", file.path)
            }
            None => format!("{shown} has no weights{alone}"),
        },
    })
}

/// The GGUF model in a folder of a repository.
fn in_folder(shown: &str, folder: &str, mut offers: Vec<Offer>) -> Next {
    offers.retain(|offer| offer.parts.first().is_some_and(|path| split(path).0 == folder));
    match offers.len() {
        0 => Next::Refused(format!("{shown} has no GGUF model in {folder}/; expected a folder that has one")),
        1 => Next::Model(Files { parts: offers.swap_remove(0).parts, config: None }),
        _ => Next::Several(offers),
    }
}

/// The GGUF model in a quantisation.
fn quantised(name: &HubName, wanted: &str, files: &[Listed]) -> Next {
    let mut offers = offers(files);
    if let Some(at) = offers.iter().position(|offer| offer.label.eq_ignore_ascii_case(wanted)) {
        return Next::Model(Files { parts: offers.swap_remove(at).parts, config: None });
    }
    let shown = name.shown();
    if let Some(folder) = wanted.strip_suffix('/') {
        return in_folder(&shown, folder, offers);
    }
    if files.iter().any(|file| file.path == wanted) {
        return Next::Refused(format!(
            "{shown}:{wanted} is no file of a model; expected a GGUF or safetensors file, an index or a config.json"
        ));
    }
    let alike: Vec<String> = offers
        .iter()
        .filter(|offer| offer.parts.first().is_some_and(|path| label(path).eq_ignore_ascii_case(wanted)))
        .map(|offer| offer.label.clone())
        .collect();
    if alike.len() > 1 {
        return Next::Refused(format!(
            "{shown} has {} files in {wanted}; expected one of {}",
            alike.len(),
            few(&alike)
        ));
    }
    if offers.is_empty() {
        return Next::Refused(format!("{shown} has no GGUF files, of which `{wanted}` would be one"));
    }
    let labels: Vec<String> = offers.into_iter().map(|offer| offer.label).collect();
    Next::Refused(format!("{shown} has no `{wanted}`; expected one of {}", few(&labels)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(wanted: Option<&str>) -> HubName {
        HubName { repository: "a/b".into(), revision: None, wanted: wanted.map(str::to_owned) }
    }

    /// Goes on until there is an outcome, with the files that a repository has; what was asked on the way.
    fn run(wanted: Option<&str>, there: &[&str]) -> (Vec<Ask>, Next) {
        let (mut asked, mut next) = (Vec::new(), Search::start(name(wanted)));
        loop {
            match next {
                Next::Ask(ask, search) => {
                    let absent = || Answer::Absent("not there".to_owned());
                    let answer = match &ask {
                        Ask::Text(path) if there.contains(&path.as_str()) => Answer::Text(b"{}".to_vec()),
                        Ask::Beginning(path) if there.contains(&path.as_str()) => Answer::There,
                        Ask::List => {
                            let file = |path: &&str| Listed { path: (*path).to_owned(), size: Some(1) };
                            Answer::List(there.iter().map(file).collect())
                        }
                        _ => absent(),
                    };
                    asked.push(ask);
                    next = search.answered(answer);
                }
                outcome => return (asked, outcome),
            }
        }
    }

    fn files(next: Next) -> Vec<String> {
        match next {
            Next::Model(files) => files.parts,
            other => panic!("{other:?}"),
        }
    }

    fn refusal(next: Next) -> String {
        match next {
            Next::Refused(text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_checkpoint_takes_two_questions_and_an_index_three() {
        let (asked, found) = run(None, &["config.json", "model.safetensors"]);
        assert_eq!((asked.len(), files(found)), (2, vec!["model.safetensors".to_owned()]));
        let (asked, found) = run(None, &["config.json", "model.safetensors.index.json"]);
        assert_eq!((asked.len(), files(found)), (3, vec!["model.safetensors.index.json".to_owned()]));
    }

    #[test]
    fn one_gguf_is_found_and_several_are_offered() {
        assert_eq!(files(run(None, &["m-Q4_0.gguf", "README.md"]).1), ["m-Q4_0.gguf"]);
        let several = ["m-Q4_0.gguf", "m-Q8_0.gguf"];
        assert!(matches!(run(None, &several).1, Next::Several(offers) if offers.len() == 2));
        assert_eq!(files(run(Some("q8_0"), &several).1), ["m-Q8_0.gguf"]);
        assert_eq!(files(run(Some("M-Q8_0.GGUF"), &["M-Q8_0.GGUF"]).1), ["M-Q8_0.GGUF"]);
        let folders = ["Q4_0/m.gguf", "Q8_0/m.gguf"];
        assert_eq!(files(run(Some("Q8_0"), &folders).1), ["Q8_0/m.gguf"]);
        assert_eq!(files(run(Some("Q4_0/"), &folders).1), ["Q4_0/m.gguf"]);
        assert!(refusal(run(Some("Q5/"), &folders).1).contains("no GGUF model in Q5/"));
        assert!(
            refusal(run(Some("Q4_0"), &["x/a-Q4_0.gguf", "y/a-Q4_0.gguf"]).1).contains("has 2 files in Q4_0")
        );
        assert!(refusal(run(Some("README.md"), &["README.md"]).1).contains("is no file of a model"));
        assert!(refusal(run(Some("Q2_K"), &several).1).contains("has no `Q2_K`; expected one of Q4_0, Q8_0"));
    }

    #[test]
    fn a_named_file_comes_with_its_parts_and_its_config() {
        let split = ["x/m-00001-of-00002.gguf", "x/m-00002-of-00002.gguf"];
        assert_eq!(files(run(Some("x/m-00002-of-00002.gguf"), &split).1), split);
        let (asked, found) = run(Some("x/w.safetensors"), &["x/w.safetensors", "x/config.json"]);
        assert_eq!(asked.last(), Some(&Ask::Text("x/config.json".to_owned())));
        assert!(matches!(found, Next::Model(files) if files.config.is_some()));
        let shard =
            run(Some("model-00001-of-00002.safetensors"), &["config.json", "model.safetensors.index.json"]);
        assert_eq!(files(shard.1), ["model.safetensors.index.json"]);
        let text = refusal(run(Some("m.gguf"), &["config.json"]).1);
        assert_eq!(text, "not there; expected one of config.json");
    }

    #[test]
    fn what_is_no_model_is_said() {
        for (there, expected) in [
            (&["README.md"][..], "a/b has no weights; expected one with safetensors or GGUF files"),
            (&["pytorch_model.bin"], "pickled weights only (pytorch_model.bin)"),
            (
                &["config.json", "x.safetensors", "y.safetensors"],
                "under no usual name; expected one of them, as a/b:x.",
            ),
            (&["adapter_config.json", "adapter_model.safetensors"], "a LoRA adapter"),
            (&["model_index.json", "unet/x.safetensors"], "a diffusion model"),
            (&["mmproj-F16.gguf"], "no GGUF model, only mmproj-F16.gguf"),
            (&["onnx/model.onnx"], "ONNX weights only (onnx/model.onnx)"),
        ] {
            let text = refusal(run(None, there).1);
            assert!(text.contains(expected), "{text}");
        }
    }
}

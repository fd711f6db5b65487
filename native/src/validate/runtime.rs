//! llama.cpp's shared libraries, loaded by path and called through their C interface.
//!
//! Nothing is linked at build time: whoever has the libraries says where they are. A library whose defaults are not
//! where version 0.5 has them is refused before anything else is called.

#![expect(unsafe_code, reason = "everything here calls a C library with the signatures of its header")]

use super::log;
use super::parameters::{
    Batch, Breakdown, BufferOverride, ContextParameters, Entry, LAZY_OFF, LAZY_ON, LOAD_NONE, LogCallback,
    ModelParameters, QuantiseParameters,
};
use dhurandhar_core::measurement::LoggedMemory;
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW, Symbol};
use std::ffi::{CStr, CString, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Lines of the log that say why something failed.
const COMPLAINTS: [&str; 3] = ["error", "failed", "GGML_ASSERT"];

/// What llama.cpp has said so far.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) sizes: LoggedMemory,
    pub(super) complaint: Option<String>,
    /// Every word, where somebody wants to read it.
    text: Option<String>,
}

static SAID: Mutex<Said> = Mutex::new(Said {
    sizes: LoggedMemory {
        mapped_mib: 0.0,
        repack_mib: 0.0,
        kv_mib: 0.0,
        state_mib: 0.0,
        compute_mib: 0.0,
        output_mib: 0.0,
    },
    complaint: None,
    text: None,
});

/// The functions that a run needs.
pub(super) struct Runtime {
    default_model: Symbol<unsafe extern "C" fn() -> ModelParameters>,
    default_context: Symbol<unsafe extern "C" fn() -> ContextParameters>,
    load_model: Symbol<unsafe extern "C" fn(*const c_char, ModelParameters) -> *mut c_void>,
    new_context: Symbol<unsafe extern "C" fn(*mut c_void, ContextParameters) -> *mut c_void>,
    vocabulary: Symbol<unsafe extern "C" fn(*const c_void) -> *const c_void>,
    vocabulary_size: Symbol<unsafe extern "C" fn(*const c_void) -> i32>,
    decode: Symbol<unsafe extern "C" fn(*mut c_void, Batch) -> i32>,
    free_context: Symbol<unsafe extern "C" fn(*mut c_void)>,
    default_quantise: Symbol<unsafe extern "C" fn() -> QuantiseParameters>,
    quantise: Symbol<unsafe extern "C" fn(*const c_char, *const c_char, *const QuantiseParameters) -> u32>,
    version: Symbol<unsafe extern "C" fn() -> *const c_char>,
    /// Never unloaded: the process ends with them.
    libraries: [Library; 3],
}

/// A loaded model.
#[derive(Clone, Copy)]
pub(super) struct LoadedModel(*mut c_void);

/// A context of a loaded model.
#[derive(Clone, Copy)]
pub(super) struct Context(*mut c_void);

/// The choices of a context.
#[derive(Debug, Clone, Copy)]
pub(super) struct ContextChoices {
    pub(super) tokens: u32,
    pub(super) ubatch: u32,
    pub(super) kv: i32,
    pub(super) full_windows: bool,
    /// As many as there are cores when not given.
    pub(super) threads: Option<i32>,
    pub(super) slots: u32,
}

/// The choices of loading.
#[derive(Debug, Clone, Copy)]
pub(super) struct LoadChoices {
    pub(super) lazy_table: bool,
    /// A code of `enum llama_load_mode`; the library's default when not given.
    pub(super) mode: Option<i32>,
    pub(super) repack: bool,
}

/// What goes to a card; the library's default when not said.
#[derive(Debug, Default)]
pub(super) struct Offloaded {
    pub(super) gpu_layers: Option<i32>,
    /// The first layers, whose experts stay.
    pub(super) cpu_moe_layers: u64,
    /// Part of the names of other tensors that stay; empty for none.
    pub(super) kept: String,
}

/// The choices of a context whose sizes are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) tokens: u32,
    pub(super) ubatch: u32,
    pub(super) kv: i32,
    pub(super) flash_attention: bool,
    pub(super) full_windows: bool,
    pub(super) sequences: u32,
    pub(super) unified: bool,
    /// Caches and states lie where their layer runs.
    pub(super) kv_offload: bool,
    /// Rows of logits; the library's default when not said.
    pub(super) outputs: Option<u32>,
}

/// Bytes in one kind of buffer.
#[derive(Debug, Clone)]
pub(super) struct BufferSizes {
    pub(super) kind: String,
    pub(super) model: u64,
    pub(super) context: u64,
    pub(super) compute: u64,
}

impl Runtime {
    /// Load the libraries of a folder and every back end in it.
    pub(super) fn open(folder: &Path) -> Result<Self, String> {
        Self::with_back_end(folder, None)
    }

    /// The same with one back end only, by its file's name.
    pub(super) fn with_back_end(folder: &Path, back_end: Option<&str>) -> Result<Self, String> {
        // Each finds those before it already loaded, whatever its own search path says.
        let base = open(&find(folder, "libggml-base.")?)?;
        let ggml = open(&find(folder, "libggml.")?)?;
        let llama = open(&find(folder, "libllama.")?)?;
        let runtime = Self {
            default_model: symbol(&llama, "llama_model_default_params")?,
            default_context: symbol(&llama, "llama_context_default_params")?,
            load_model: symbol(&llama, "llama_model_load_from_file")?,
            new_context: symbol(&llama, "llama_init_from_model")?,
            vocabulary: symbol(&llama, "llama_model_get_vocab")?,
            vocabulary_size: symbol(&llama, "llama_vocab_n_tokens")?,
            decode: symbol(&llama, "llama_decode")?,
            free_context: symbol(&llama, "llama_free")?,
            default_quantise: symbol(&llama, "llama_model_quantize_default_params")?,
            quantise: symbol(&llama, "llama_model_quantize")?,
            version: symbol(&llama, "llama_version")?,
            libraries: [base, ggml, llama],
        };
        runtime.check_layout()?;
        runtime.start(folder, back_end)?;
        Ok(runtime)
    }

    fn check_layout(&self) -> Result<(), String> {
        // SAFETY: both functions take nothing and return a structure by value; every bit pattern of its fields but the
        // flags is valid, and a C `bool` is 0 or 1.
        let (model, context) = unsafe { ((self.default_model)(), (self.default_context)()) };
        if model.are_defaults() && context.are_defaults() {
            return Ok(());
        }
        Err(format!(
            "{}: the parameter structures are laid out otherwise; expected those of llama.cpp 0.5",
            self.version()
        ))
    }

    fn start(&self, folder: &Path, back_end: Option<&str>) -> Result<(), String> {
        let [_, ggml, llama] = &self.libraries;
        let set_log: Symbol<unsafe extern "C" fn(LogCallback, *mut c_void)> = symbol(llama, "llama_log_set")?;
        let all: Symbol<unsafe extern "C" fn(*const c_char)> =
            symbol(ggml, "ggml_backend_load_all_from_path")?;
        let one: Symbol<unsafe extern "C" fn(*const c_char) -> *mut c_void> =
            symbol(ggml, "ggml_backend_load")?;
        let initialise: Symbol<unsafe extern "C" fn()> = symbol(llama, "llama_backend_init")?;
        let path = text(&back_end.map_or_else(|| folder.to_owned(), |name| folder.join(name)))?;
        // SAFETY: the callback lives as long as the process and uses no data; the path is a C string that outlives the
        // calls.
        unsafe {
            set_log(hear, std::ptr::null_mut());
            match back_end {
                None => all(path.as_ptr()),
                Some(name) if one(path.as_ptr()).is_null() => return Err(format!("{name} was not loaded")),
                Some(_) => {}
            }
            initialise();
        }
        Ok(())
    }

    /// As the library states it.
    pub(super) fn version(&self) -> String {
        // SAFETY: takes nothing and returns a static C string.
        let version = unsafe { CStr::from_ptr((self.version)()) };
        format!("llama.cpp {}", version.to_string_lossy())
    }

    /// Bring a file into memory.
    pub(super) fn load(&self, file: &Path, choices: LoadChoices) -> Result<LoadedModel, String> {
        let path = text(file)?;
        // SAFETY: as in `check_layout`; the layout has been checked, and the path outlives the call.
        let model = unsafe {
            let mut parameters = (self.default_model)();
            parameters.lazy_mode = if choices.lazy_table { LAZY_ON } else { LAZY_OFF };
            parameters.load_mode = choices.mode.unwrap_or(parameters.load_mode);
            parameters.use_extra_buffers = choices.repack;
            (self.load_model)(path.as_ptr(), parameters)
        };
        if model.is_null() { Err(complaint("the model was not loaded")) } else { Ok(LoadedModel(model)) }
    }

    /// Read a file's header and place its tensors, without allocating anything.
    pub(super) fn place(&self, file: &Path, offload: &Offloaded) -> Result<LoadedModel, String> {
        let path = text(file)?;
        let [base, ..] = &self.libraries;
        let host: Symbol<unsafe extern "C" fn() -> *const c_void> =
            symbol(base, "ggml_backend_cpu_buffer_type")?;
        // As `--n-cpu-moe` writes them (`common.h`).
        let experts = (0..offload.cpu_moe_layers)
            .map(|layer| format!(r"blk\.{layer}\.ffn_(up|down|gate|gate_up)_(ch|)exps"));
        let kept = Some(offload.kept.replace('.', r"\.")).filter(|kept| !kept.is_empty());
        let patterns: Vec<CString> = experts
            .chain(kept)
            .map(CString::new)
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?;
        // SAFETY: takes nothing and returns a pointer that lives as long as the library.
        let buffer_type = unsafe { host() };
        let mut overrides: Vec<BufferOverride> = patterns
            .iter()
            .map(|pattern| BufferOverride { pattern: pattern.as_ptr(), buffer_type })
            .collect();
        overrides.push(BufferOverride { pattern: std::ptr::null(), buffer_type: std::ptr::null() });
        // SAFETY: as in `load`; patterns and overrides outlive the call.
        let model = unsafe {
            let mut parameters = (self.default_model)();
            if let Some(layers) = offload.gpu_layers {
                parameters.gpu_layers = layers;
            }
            if overrides.len() > 1 {
                parameters.buffer_overrides = overrides.as_ptr();
            }
            parameters.lazy_mode = LAZY_OFF;
            parameters.load_mode = LOAD_NONE;
            parameters.no_alloc = true;
            (self.load_model)(path.as_ptr(), parameters)
        };
        if model.is_null() { Err(complaint("the model was not loaded")) } else { Ok(LoadedModel(model)) }
    }

    /// Bytes by kind of buffer for a context of a placed model.
    pub(super) fn sizes(&self, model: LoadedModel, choices: &Wanted) -> Result<Vec<BufferSizes>, String> {
        // Words of an earlier context are no reason for this one's failure.
        SAID.lock().unwrap_or_else(PoisonError::into_inner).complaint = None;
        // SAFETY: as in `check_layout`; the model was placed by this library and is never freed.
        let context = unsafe {
            let mut parameters = (self.default_context)();
            parameters.context = choices.tokens;
            parameters.ubatch = choices.ubatch;
            parameters.batch = parameters.batch.max(choices.ubatch);
            parameters.sequences = choices.sequences;
            if let Some(outputs) = choices.outputs {
                parameters.outputs = outputs;
            }
            parameters.unified = choices.unified;
            parameters.flash_attention = i32::from(choices.flash_attention);
            (parameters.keys, parameters.values) = (choices.kv, choices.kv);
            parameters.full_windows = choices.full_windows;
            parameters.offload_kqv = choices.kv_offload;
            (self.new_context)(model.0, parameters)
        };
        if context.is_null() {
            return Err(complaint("the context was not made"));
        }
        let [base, _, llama] = &self.libraries;
        let breakdown: Symbol<unsafe extern "C" fn(*const c_void) -> Breakdown> =
            symbol(llama, "_Z26llama_get_memory_breakdownPK13llama_context")?;
        let name: Symbol<unsafe extern "C" fn(*const c_void) -> *const c_char> =
            symbol(base, "ggml_backend_buft_name")?;
        let mut found = Vec::new();
        // SAFETY: the function returns a `std::map` in memory that the caller provides, as both 64-bit conventions do for
        // a structure of this size. Its nodes are read from the root downwards and never freed; leaves are null. The
        // keys are buffer types, which live as long as their library.
        unsafe {
            let map = breakdown(context);
            let mut open: Vec<*const Entry> = vec![map.root];
            while let Some(at) = open.pop().filter(|_| found.len() <= map.count) {
                let Some(entry) = at.as_ref() else { continue };
                open.extend([entry.left, entry.right]);
                found.push(BufferSizes {
                    kind: CStr::from_ptr(name(entry.buffer_type)).to_string_lossy().into_owned(),
                    model: entry.model as u64,
                    context: entry.context as u64,
                    compute: entry.compute as u64,
                });
            }
            (self.free_context)(context);
        }
        Ok(found)
    }

    /// What the quantiser would make of a file: its log, line by line.
    pub(super) fn quantise_dry(&self, file: &Path, mix: i32) -> Result<String, String> {
        let path = text(file)?;
        SAID.lock().unwrap_or_else(PoisonError::into_inner).text = Some(String::new());
        // SAFETY: takes nothing and returns a structure by value.
        let mut parameters = unsafe { (self.default_quantise)() };
        if !parameters.are_defaults() {
            return Err(format!("{}: the quantiser's parameters are laid out otherwise", self.version()));
        }
        parameters.mix = mix;
        parameters.dry_run = true;
        // SAFETY: paths and parameters outlive the call; a dry run writes nothing.
        let code = unsafe { (self.quantise)(path.as_ptr(), path.as_ptr(), &raw const parameters) };
        let text = SAID.lock().unwrap_or_else(PoisonError::into_inner).text.take().unwrap_or_default();
        if code == 0 { Ok(text) } else { Err(complaint(&format!("quantising ended with code {code}"))) }
    }

    /// Allocate caches and buffers.
    pub(super) fn context(&self, model: LoadedModel, choices: ContextChoices) -> Result<Context, String> {
        // SAFETY: as in `check_layout`; the model was loaded by this library and is never freed.
        let context = unsafe {
            let mut parameters = (self.default_context)();
            parameters.context = choices.tokens;
            parameters.ubatch = choices.ubatch;
            parameters.batch = parameters.batch.max(choices.ubatch);
            let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            parameters.threads = choices.threads.unwrap_or_else(|| i32::try_from(cores()).unwrap_or(1));
            parameters.sequences = choices.slots;
            parameters.threads_batch = parameters.threads;
            (parameters.keys, parameters.values) = (choices.kv, choices.kv);
            parameters.full_windows = choices.full_windows;
            (self.new_context)(model.0, parameters)
        };
        if context.is_null() { Err(complaint("the context was not made")) } else { Ok(Context(context)) }
    }

    /// Tokens in the vocabulary.
    pub(super) fn vocabulary(&self, model: LoadedModel) -> i32 {
        // SAFETY: the model was loaded by this library and is never freed.
        unsafe { (self.vocabulary_size)((self.vocabulary)(model.0)) }
    }

    /// Empty the cache.
    pub(super) fn forget(&self, context: Context) -> Result<(), String> {
        let [_, _, llama] = &self.libraries;
        let memory: Symbol<unsafe extern "C" fn(*const c_void) -> *mut c_void> =
            symbol(llama, "llama_get_memory")?;
        let clear: Symbol<unsafe extern "C" fn(*mut c_void, bool)> = symbol(llama, "llama_memory_clear")?;
        // SAFETY: the context was made by this library and is never freed; its memory lives as long.
        unsafe { clear(memory(context.0), true) };
        Ok(())
    }

    /// Remove what is cached from a position on; `false` where the cache cannot be cut.
    pub(super) fn forget_from(&self, context: Context, position: u32) -> Result<bool, String> {
        let [_, _, llama] = &self.libraries;
        let memory: Symbol<unsafe extern "C" fn(*const c_void) -> *mut c_void> =
            symbol(llama, "llama_get_memory")?;
        let remove: Symbol<unsafe extern "C" fn(*mut c_void, i32, i32, i32) -> bool> =
            symbol(llama, "llama_memory_seq_rm")?;
        let position = i32::try_from(position).map_err(|error| error.to_string())?;
        // SAFETY: as in `forget`; every sequence, to the end.
        Ok(unsafe { remove(memory(context.0), -1, position, -1) })
    }

    /// Compute tokens after those that are cached.
    pub(super) fn decode(&self, context: Context, tokens: &mut [i32]) -> Result<(), String> {
        // SAFETY: the context was made by this library and is never freed; the tokens outlive the call.
        match unsafe { (self.decode)(context.0, Batch::of(tokens)) } {
            0 => Ok(()),
            code => Err(complaint(&format!("decoding ended with code {code}"))),
        }
    }
}

/// What has been said until now.
pub(super) fn sizes() -> LoggedMemory {
    SAID.lock().unwrap_or_else(PoisonError::into_inner).sizes
}

fn complaint(what: &str) -> String {
    let said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    said.complaint.as_ref().map_or_else(|| what.to_owned(), |why| format!("{what}: {why}"))
}

/// Takes every line of the library's log.
extern "C" fn hear(_level: i32, line: *const c_char, _data: *mut c_void) {
    // SAFETY: llama.cpp passes a C string that lives during the call.
    let line = unsafe { CStr::from_ptr(line) }.to_string_lossy();
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    log::read(&line, &mut said.sizes);
    if let Some(text) = &mut said.text {
        text.push_str(&line);
    }
    if said.complaint.is_none() && COMPLAINTS.iter().any(|word| line.contains(word)) {
        said.complaint = Some(line.trim().to_owned());
    }
}

/// The one library of a folder whose name begins so: `libllama.so`, or `libllama.v0.5.0.so` as some packages have it.
fn find(folder: &Path, beginning: &str) -> Result<PathBuf, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let names = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut found: Vec<PathBuf> = names
        .filter(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            name.starts_with(beginning) && name.contains(".so")
        })
        .collect();
    found.sort();
    found.into_iter().next().ok_or_else(|| format!("{}: no {beginning}so in it", folder.display()))
}

fn open(path: &Path) -> Result<Library, String> {
    // SAFETY: the user names the library to run; it is loaded in a process that does nothing else.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) }
        .map_err(|error| format!("{}: {error}", path.display()))
}

fn symbol<T>(library: &Library, name: &str) -> Result<Symbol<T>, String> {
    // SAFETY: the types are those of the functions in llama.cpp's header, and the library stays loaded.
    unsafe { library.get(name.as_bytes()) }.map_err(|error| format!("{name}: {error}"))
}

fn text(path: &Path) -> Result<CString, String> {
    CString::new(path.as_os_str().as_bytes()).map_err(|error| format!("{}: {error}", path.display()))
}

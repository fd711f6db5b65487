//! `benchmark-kv`: codecs of the KV cache on tensors or on a real model.

#[cfg(feature = "burn")]
mod model;
mod tensors;

use clap::Args;
use std::process::ExitCode;

/// Options of `benchmark-kv`: with a text the real model is run, without one given or synthetic tensors are coded.
#[derive(Debug, Args)]
pub(crate) struct BenchmarkKvArgs {
    #[command(flatten)]
    tensors: tensors::TensorArgs,
    #[cfg(feature = "burn")]
    #[command(flatten)]
    run: model::RunArgs,
}

impl BenchmarkKvArgs {
    /// Run the command.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        #[cfg(feature = "burn")]
        if let (Some(model), Some(text)) = (&self.tensors.model, self.run.text.clone()) {
            return self.run.run(model.as_ref(), &text, self.tensors.output.as_deref());
        }
        self.tensors.run()
    }
}

//! Commands about KV-cache codecs. The codecs, their figures and their sweeps are the core's; here they get
//! tensors, threads and tables.

pub(crate) mod attention;
mod benchmark;
mod compare;
mod run;
mod source;
mod text;

pub(crate) use benchmark::BenchmarkArgs;
pub(crate) use compare::CompareArgs;

//! The command line: what can be asked for, and which module does it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand};

use crate::base_url::BaseUrl;
use crate::bench;
use crate::build::{Sources, build, rebuild};
use crate::bundle::wasm;
use crate::check;
use crate::compress::Compression;
use crate::hub::{self, Hub};
use crate::output::site::Site;
use crate::output::size;
use crate::output::write::{Written, write};
use crate::pages::Kept;
use crate::serve;
use crate::workspace::Workspace;

/// Builds, serves and checks the site of dhurandhar.
#[derive(Debug, Parser)]
#[command(name = "sitegen", version, disable_help_subcommand = true)]
pub struct Arguments {
    /// The checkout; by default the nearest one at or above the current folder.
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compile the calculator and write the whole site.
    Build(BuildArguments),
    /// Build, serve on this machine, rebuild on change and reload the browser.
    Serve(ServeArguments),
    /// Measure how fast pages are generated: content pages with tables, no compression, no calculator.
    Bench {
        /// How many pages.
        #[arg(long, default_value_t = 10_000)]
        pages: usize,
    },
    /// Print how many bytes a first visit to the calculator takes, and the budget; exit code 1 if it is exceeded.
    Size(Output),
    /// Look for broken links, missing files and requests to elsewhere in a built site; exit code 1 if there are any.
    Check {
        /// The built site.
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
    },
}

/// What every build can be told.
#[derive(Debug, Args)]
struct Output {
    /// Where the site is written, and read by `check`; by default `site` in the checkout.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Markdown pages and measurements; by default `content` in the checkout.
    #[arg(long, value_name = "DIR")]
    content: Option<PathBuf>,
    /// Leave out the compressed twins (.br, .gz) of the files.
    #[arg(long)]
    no_compress: bool,
    /// Leave out the WebAssembly calculator; its page keeps the static tables.
    #[arg(long)]
    no_calculator: bool,
    /// The hub that the calculator asks for models by name once its visitor presses the button; `none` for none.
    #[arg(long, value_name = "URL", default_value = hub::USUAL)]
    hub: Hub,
}

#[derive(Debug, Args)]
struct BuildArguments {
    #[command(flatten)]
    output: Output,
    /// Address of publication, for the sitemap, the feed and canonical links; all else is relative.
    #[arg(long, value_name = "URL")]
    base_url: Option<BaseUrl>,
}

#[derive(Debug, Args)]
struct ServeArguments {
    #[command(flatten)]
    output: Output,
    /// Port on 127.0.0.1; 0 takes any free one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Sub-path to serve under, as on a host that gives every project a folder.
    #[arg(long, value_name = "PATH", default_value = "/")]
    under: serve::Mount,
    /// Serve the files as they are: no watching, no reload script, compressed twins for pages too.
    #[arg(long)]
    no_watch: bool,
}

/// Runs one command.
pub fn run(arguments: Arguments) -> Result<ExitCode> {
    let workspace = match &arguments.root {
        Some(root) => Workspace::at(root),
        None => Workspace::find(&env::current_dir().context("cannot tell the current folder")?)?,
    };
    match arguments.command {
        Command::Build(arguments) => {
            let sources = arguments.output.sources(&workspace, arguments.base_url)?;
            let out = arguments.output.folder(&workspace);
            let written =
                write(&build(&sources)?, &out, arguments.output.compression(), &workspace.compressed())?;
            report(&written, &out);
            if sources.base_url.is_none() {
                println!("left out without --base-url: sitemap.xml, feed.xml, canonical links");
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Serve(arguments) => serve_site(&workspace, &arguments),
        Command::Bench { pages } => {
            println!("{}", bench::run(pages, &workspace)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Size(output) => {
            let site = build(&output.sources(&workspace, None)?)?;
            let visit = size::first_visit(&site)?;
            print!("{visit}");
            Ok(if visit.within_budget() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Check { folder } => {
            let folder = folder.unwrap_or_else(|| workspace.root.join("site"));
            Ok(report_problems(&folder, &check::problems(&Site::read(&folder)?)))
        }
    }
}

fn serve_site(workspace: &Workspace, arguments: &ServeArguments) -> Result<ExitCode> {
    // The port is taken first: finding it in use after two minutes of compiling would be a poor joke.
    let server = serve::Server::bind(arguments.port, arguments.under.clone())?;
    let base_url = Some(server.address().parse()?);
    let sources = arguments.output.sources(workspace, base_url)?;
    let out = arguments.output.folder(workspace);
    // On one machine nothing is gained by compressing; half a minute is lost the first time.
    let compression = match arguments.output.compression() {
        Compression::Full if !arguments.no_watch => Compression::Kept,
        other => other,
    };
    let mut kept = Kept::default();
    let written = write(&rebuild(&sources, &mut kept)?, &out, compression, &workspace.compressed())?;
    report(&written, &out);
    println!("serving at {} (Ctrl-C ends)", server.address());
    let watch = (!arguments.no_watch).then(|| serve::Rebuild {
        workspace: workspace.clone(),
        compression,
        sources,
        kept,
        out: out.clone(),
    });
    server.run(&out, watch)?;
    Ok(ExitCode::SUCCESS)
}

impl Output {
    fn folder(&self, workspace: &Workspace) -> PathBuf {
        self.out.clone().unwrap_or_else(|| workspace.root.join("site"))
    }

    fn compression(&self) -> Compression {
        if self.no_compress { Compression::Off } else { Compression::Full }
    }

    fn sources(&self, workspace: &Workspace, base_url: Option<BaseUrl>) -> Result<Sources> {
        Ok(Sources {
            content: self.content.clone().unwrap_or_else(|| workspace.content()),
            style: workspace.style(),
            bundle: if self.no_calculator { None } else { Some(wasm::bundle(workspace)?) },
            base_url,
            hub: self.hub.clone(),
        })
    }
}

fn report(written: &Written, out: &Path) {
    let Written { files, changed, removed } = written;
    println!("{files} files in {} ({changed} written, {removed} removed)", out.display());
}

fn report_problems(folder: &Path, problems: &[check::Problem]) -> ExitCode {
    for problem in problems {
        println!("{problem}");
    }
    if problems.is_empty() {
        println!("{}: no problems", folder.display());
        ExitCode::SUCCESS
    } else {
        println!("{}: {} problems", folder.display(), problems.len());
        ExitCode::FAILURE
    }
}

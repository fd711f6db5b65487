//! The engines: how a token's bytes get from the file into a buffer.

mod mapped;
mod positioned;
mod threads;
#[cfg(target_os = "linux")]
mod uring;

#[cfg(target_os = "linux")]
use super::ended::interpret;
use super::seam::Reader;
use super::spec::Place;
#[cfg(target_os = "linux")]
use super::spec::Reply;
#[cfg(target_os = "linux")]
use crate::cli::child::{self, Job};
use dhurandhar_core::measurement::Engine;
use std::io;

/// Opens an engine on the table.
pub(crate) fn open(engine: Engine, place: &Place) -> io::Result<Box<dyn Reader>> {
    use mapped::{Advice, Mapped};
    Ok(match engine {
        Engine::MmapDefault => Box::new(Mapped::open(place, Advice::Default)?),
        Engine::MmapRandom => Box::new(Mapped::open(place, Advice::Random)?),
        Engine::MmapSequential => Box::new(Mapped::open(place, Advice::Sequential)?),
        Engine::MmapWillneed => Box::new(Mapped::open(place, Advice::RandomWillneed)?),
        Engine::MmapThreads => Box::new(threads::Threads::open(place, usize::from(Engine::THREADS))?),
        Engine::Pread => Box::new(positioned::Positioned::open(place, false)?),
        Engine::Direct => Box::new(positioned::Positioned::open(place, true)?),
        #[cfg(target_os = "linux")]
        Engine::IoUring => Box::new(uring::Uring::open(place, false)?),
        #[cfg(target_os = "linux")]
        Engine::IoUringDirect => Box::new(uring::Uring::open(place, true)?),
        #[cfg(not(target_os = "linux"))]
        Engine::IoUring | Engine::IoUringDirect => return Err(io::ErrorKind::Unsupported.into()),
    })
}

/// Why an engine does not exist here, if it does not.
pub(crate) fn missing(engine: Engine) -> Option<&'static str> {
    let linux = cfg!(any(target_os = "linux", target_os = "android"));
    match engine {
        Engine::IoUring | Engine::IoUringDirect => refused(),
        Engine::Direct if !linux => {
            Some("reads past the page cache are only implemented for Linux and Android")
        }
        Engine::MmapDefault | Engine::Pread => None,
        _ if cfg!(unix) => None,
        Engine::MmapThreads => None,
        _ => Some("the platform has no paging advice"),
    }
}

/// Why io_uring cannot be used. Asked once, of a child: where a filter forbids it, asking may be deadly.
#[cfg(target_os = "linux")]
fn refused() -> Option<&'static str> {
    static REASON: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    REASON.get_or_init(asked).as_deref()
}

/// Why io_uring cannot be used here, from a child that tries; `None` if it can.
#[cfg(target_os = "linux")]
fn asked() -> Option<String> {
    let tried = child::worker(Job::IoUring).map_err(anyhow::Error::from);
    let tried = tried.and_then(|command| child::listen(command, &(), None, |_| {}));
    match tried {
        Ok(ended) if ended.status.success() => None,
        Ok(ended) => match interpret(ended.status, ended.complaint.trim()) {
            Reply::Failed(failure) => Some(format!("io_uring: {}", failure.detail)),
            Reply::Windows(_) => None,
        },
        Err(error) => Some(format!("io_uring could not be tried: {error}")),
    }
}

#[cfg(not(target_os = "linux"))]
fn refused() -> Option<&'static str> {
    Some("io_uring is Linux only")
}

/// The child's side of the question.
pub(crate) fn ask_io_uring() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    return uring::allowed();
    #[cfg(not(target_os = "linux"))]
    return Err(io::ErrorKind::Unsupported.into());
}

#[cfg(test)]
mod tests {
    use super::open;
    use crate::profile::spec::Place;
    use dhurandhar_core::measurement::Engine;
    use dhurandhar_core::storage::Extent;
    use std::io::Write;

    #[test]
    fn every_engine_reads_unaligned_extents_inside_an_unaligned_table() {
        let mut file = tempfile::NamedTempFile::new_in(std::env::current_dir().unwrap()).unwrap();
        file.write_all(&vec![7_u8; 100_000]).unwrap();
        file.as_file().sync_all().unwrap();
        let place = Place { path: file.path().to_owned(), offset: 1001, bytes: 98_000 };
        let extents = [Extent { offset: 0, bytes: 1 }, Extent { offset: 93_000, bytes: 5000 }];
        for engine in Engine::ALL {
            let mut reader = match open(engine, &place) {
                Ok(reader) => reader,
                Err(error) if matches!(engine, Engine::Direct | Engine::IoUring | Engine::IoUringDirect) => {
                    eprintln!("skipped {engine:?}: {error}");
                    continue;
                }
                Err(error) => panic!("{engine:?}: {error}"),
            };
            reader.fetch(&extents).unwrap_or_else(|error| panic!("{engine:?}: {error}"));
            let outside = [Extent { offset: 97_999, bytes: 9 }];
            assert!(reader.fetch(&outside).is_err(), "{engine:?} read past the table");
        }
    }
}

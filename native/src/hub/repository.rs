//! A repository of the hub: `core` says which of its files are to be asked for, this asks.

use super::client::Client;
use super::{Failure, Found, Remote, RemoteFile, Several};
use dhurandhar_core::model::hub::{Answer, Ask, HubName, Listed, Next, Search, listed};
use dhurandhar_core::model::import::FIRST_READ;
use std::collections::BTreeMap;

pub(super) fn open(client: Client, name: &HubName) -> Result<Found, Failure> {
    let mut reader = Reader { client, name, begun: BTreeMap::new(), absent: None };
    let mut next = Search::start(name.clone());
    loop {
        next = match next {
            Next::Ask(ask, search) => search.answered(reader.answer(ask)?),
            Next::Model(files) => return Ok(Found::Remote(reader.remote(&files.parts, files.config))),
            Next::Several(offers) => {
                let smallest = offers.first().map(|offer| offer.parts.clone()).unwrap_or_default();
                let smallest = reader.remote(&smallest, None);
                return Ok(Found::Several(Several { repository: name.shown(), offers, smallest }));
            }
            Next::Refused(problem) => return Err(Failure::input(problem)),
        }
    }
}

struct Reader<'a> {
    client: Client,
    name: &'a HubName,
    /// Files whose beginnings have been read.
    begun: BTreeMap<String, RemoteFile>,
    /// The file that was missed last.
    absent: Option<Failure>,
}

impl Reader<'_> {
    fn file(&self, path: &str) -> RemoteFile {
        let url = self.name.file_url(&self.client.settings().endpoint, path);
        self.client.file(&url, &format!("{}/{path}", self.name.repository))
    }

    fn remote(&mut self, parts: &[String], config: Option<Vec<u8>>) -> Remote {
        let read = |part: &String| self.begun.remove(part).unwrap_or_else(|| self.file(part));
        let parts = parts.iter().map(read).collect();
        Remote { title: self.name.title().to_owned(), parts, config }
    }

    fn answer(&mut self, ask: Ask) -> Result<Answer, Failure> {
        let found = match ask {
            Ask::Text(path) => self.file(&path).all().map(Answer::Text),
            Ask::Beginning(path) => {
                let mut file = self.file(&path);
                file.fill(FIRST_READ).map(|()| {
                    self.begun.insert(path, file);
                    Answer::There
                })
            }
            Ask::List => match (self.files(), self.absent.take()) {
                // Without a list, what was missed first is what is said.
                (Err(_), Some(absent)) => return Err(absent),
                (files, _) => return files.map(Answer::List),
            },
        };
        match found {
            Err(failure) if failure.is_absent() => {
                let problem = failure.to_string();
                self.absent = self.name.wanted.is_some().then_some(failure);
                Ok(Answer::Absent(problem))
            }
            found => found,
        }
    }

    /// All files, by the one address of the hub or the other.
    fn files(&self) -> Result<Vec<Listed>, Failure> {
        let (repository, endpoint) = (&self.name.repository, &self.client.settings().endpoint);
        let what = format!("{repository}/files");
        let [newer, older] = self.name.list_urls(endpoint);
        let ask = |url: &str| self.client.file(url, &what).all();
        let text = match ask(&newer) {
            Err(failure) if failure.is_absent() && !self.client.settings().offline => match ask(&older) {
                Err(failure) if failure.is_absent() => {
                    return Err(Failure::input(format!(
                        "no repository {} at {endpoint}; expected owner/name as on its page",
                        self.name.shown()
                    )));
                }
                text => text?,
            },
            text => text?,
        };
        listed(&text).map_err(|error| {
            Failure::way(format!("{endpoint} gives no list of the files of {repository} ({error})"))
        })
    }
}

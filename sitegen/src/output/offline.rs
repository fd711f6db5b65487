//! The service worker: after a visit, the next one works with the network off.
//!
//! Its own name carries no hash, or browsers would never find the next one. Hashed files are taken from the cache
//! for ever (those that the first answer does not need once it has been given); everything else comes from the network while there is one, so that no page is ever stale.

use crate::output::assets;
use crate::output::site::Site;
use crate::page;
use crate::path::SitePath;

/// Where it is: at the top, so that the whole site is in its scope.
pub const PLACE: &str = "sw.js";

const SCRIPT: &str = include_str!("offline.js");
/// Pages that are kept from the first visit on.
const PAGES: [&str; 4] = ["", "calculator/", page::SEARCH, page::UNKEPT];

/// Adds the service worker for the files that `site` has now.
pub fn add(site: &mut Site) {
    let pages = PAGES.into_iter().filter(|page| site.files.contains_key(&SitePath::new(*page).file()));
    let hashed = site.files.keys().map(String::as_str).filter(|place| assets::is_hashed(place));
    let (later, first): (Vec<&str>, Vec<&str>) =
        hashed.partition(|place| assets::is_later(place) && !assets::is_search(place));
    let list =
        |places: Vec<&str>| places.iter().map(|place| format!("'./{place}'")).collect::<Vec<_>>().join(", ");
    let (first, later) = (list(pages.chain(first).collect()), list(later));
    let version = blake3::hash([first.as_str(), &later].concat().as_bytes()).to_hex();
    let script = SCRIPT
        .replace("'%VERSION%'", &format!("'{}'", &version[..10]))
        .replace("'%FILES%'", &first)
        .replace("'%LATER%'", &later);
    site.insert(PLACE, script);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_named_by_what_is_in_it() {
        let script = |hash: &str| {
            let mut site = Site::default();
            site.insert(format!("assets/app-{hash}.js"), "");
            add(&mut site);
            String::from_utf8(site.files[PLACE].clone()).unwrap()
        };
        let (one, two) = (script("0123456789"), script("abcdef0123"));
        assert!(one.contains("'./assets/app-0123456789.js'") && !one.contains('%'), "{one}");
        assert_ne!(
            one.lines().find(|line| line.contains("CACHE =")),
            two.lines().find(|line| line.contains("CACHE ="))
        );
    }
}

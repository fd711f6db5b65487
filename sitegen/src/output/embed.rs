//! `embed/`: the prediction as a JavaScript module for other pages, its types, and a page that uses it.
//!
//! Its name has no hash, since others write it into their pages; what it loads has.

use crate::output::site::Site;

/// The module, which names its neighbours as the reader does.
pub(crate) const MODULE: &str = include_str!("embed/dhurandhar.js");
/// Where it is, from the top of the site.
pub(crate) const PLACE: &str = "embed/dhurandhar.js";

/// Adds the module, whose neighbours have their names already, its types and the example.
pub(crate) fn add(site: &mut Site, module: String) {
    site.insert(PLACE, module);
    site.insert("embed/dhurandhar.d.ts", include_str!("embed/dhurandhar.d.ts"));
    site.insert("embed/example.js", include_str!("embed/example.js"));
    site.insert("embed/example.css", include_str!("embed/example.css"));
    site.insert("embed/index.html", include_str!("embed/example.html"));
}

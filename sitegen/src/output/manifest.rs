//! The web app manifest: with it and the service worker the site can be installed.

use serde_json::json;

use crate::output::assets::Assets;

/// Where it is.
pub(crate) const PLACE: &str = "manifest.webmanifest";

/// The manifest; all its addresses are relative to it.
pub(crate) fn manifest(assets: &Assets) -> String {
    let manifest = json!({
        "name": "dhurandhar: will this model run on that device?",
        "short_name": "dhurandhar",
        "start_url": "./calculator/",
        "scope": "./",
        "display": "standalone",
        "background_color": "#fcfcfa",
        "theme_color": "#0b626c",
        "icons": [{ "src": format!("./{}", assets.icon.as_str()), "type": "image/svg+xml", "sizes": "any", "purpose": "any" }],
    });
    format!("{manifest:#}\n")
}

//! The page for addresses that lead nowhere.

use maud::html;

use crate::page::Page;
use crate::path::SitePath;

/// `404.html`. Hosts show it at any depth, where relative addresses do not hold; so whoever serves it adds a `base`
/// (see [`with_base`]), and without one it is still readable text.
pub fn not_found(menu: &[(String, SitePath)]) -> Page {
    let path = SitePath::new("404.html");
    let body = html! {
        p { "The address may be old, or mistyped. What there is:" }
        ul {
            li { a href=(path.to("")) { "Home" } }
            @for (name, place) in menu.iter().filter(|(_, place)| !place.as_str().is_empty()) {
                li { a href=(path.to(place.as_str())) { (name) } }
            }
        }
    };
    Page {
        path,
        title: "Nothing here".to_owned(),
        description: "This site has no page at this address.".to_owned(),
        body: body.into_string(),
        ..Page::default()
    }
}

/// Makes the relative addresses of a document hold wherever it is shown: all of them start at `base`.
pub fn with_base(document: &str, base: &str) -> String {
    document.replacen("<head>", &format!("<head><base href=\"{base}\">"), 1)
}

//! The stylesheets of the site: one of all pages, and two of which the calculator, which has to be there soon, waits for
//! neither: what the other pages need, and what stands below its answer.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::bundle::names::tidied;
use crate::path::extension;

/// Folder of what the calculator's page does without.
const PAGES: &str = "pages/";
/// Folder of what comes with the calculator's later parts.
const BELOW: &str = "below/";

/// All `*.css` files of the folder in the order of their names; without comments and needless space.
pub fn of(folder: &Path) -> Result<String> {
    Ok(small(&joined(folder, |name| !name.contains('/'))?))
}

/// What drawings need, then all `*.css` files of its folder `pages`, which may overrule it, in the same way.
pub fn of_pages(folder: &Path) -> Result<String> {
    let drawings = format!("{}\n", dhurandhar_chart::theme::stylesheet());
    Ok(small(&(drawings + &joined(folder, |name| name.starts_with(PAGES))?)))
}

/// All `*.css` files of its folder `below`, in the same way.
pub fn of_below(folder: &Path) -> Result<String> {
    Ok(small(&joined(folder, |name| name.starts_with(BELOW))?))
}

fn small(css: &str) -> String {
    squeezed(&tidied(css))
}

fn joined(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<String> {
    let names = crate::disk::files(folder)?;
    let parts = names.iter().filter(|name| extension(name) == "css" && wanted(name));
    parts
        .map(|name| {
            let path = folder.join(name);
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
        })
        .collect()
}

/// Without space where it says nothing: around braces and semicolons, after commas and colons. Space before a colon
/// stands, for it may be the descendant combinator; so does what is in quotes.
fn squeezed(css: &str) -> String {
    let mut out = String::with_capacity(css.len());
    let mut quote = None;
    for c in css.chars() {
        if quote.is_some() {
            out.push(c);
            quote = quote.filter(|open| *open != c);
            continue;
        }
        let last = out.chars().next_back();
        match c {
            '"' | '\'' => {
                quote = Some(c);
                out.push(c);
            }
            _ if c.is_whitespace() => {
                let needless = last
                    .is_none_or(|last| last.is_whitespace() || matches!(last, '{' | '}' | ';' | ',' | ':'));
                if !needless {
                    out.push(' ');
                }
            }
            '{' | '}' | ';' | ',' => {
                if last == Some(' ') {
                    out.pop();
                }
                if c == '}' && out.ends_with(';') {
                    out.pop();
                }
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::squeezed;

    #[test]
    fn space_goes_where_it_says_nothing() {
        let css = "a > b , .c :hover {\n  margin: 0 auto ;\n  color : red;\n}\n@media (min-width: 4em) and print { i { x: calc(1px + 2px) } }\n";
        assert_eq!(
            squeezed(css),
            "a > b,.c :hover{margin:0 auto;color :red}@media (min-width:4em) and print{i{x:calc(1px + 2px)}}"
        );
        assert_eq!(
            squeezed("a::after { content: \" ; { \" attr(x) \")\" }"),
            "a::after{content:\" ; { \" attr(x) \")\"}"
        );
    }
}

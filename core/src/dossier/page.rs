//! A dossier as a page of its own: no script, no other file, light, and fit for A4.

use super::blocks::escaped;

const STYLE: &str = "\
:root { color-scheme: light }
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1b1f; background: #fff; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.7rem; line-height: 1.2 } h2 { font-size: 1.25rem; margin-top: 2rem } h3 { font-size: 1.05rem }
table { border-collapse: collapse; font-size: .9rem } th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border: 1px solid #c9c9d1 }
thead th, thead td { background: #f1f1f5 } tr.differs td { font-weight: 600 }
.scroll { overflow-x: auto } pre { background: #f1f1f5; padding: .6rem; white-space: pre-wrap; overflow-wrap: anywhere }
a { color: #1d4ed8; overflow-wrap: anywhere }
@page { size: A4; margin: 16mm }
@media print { body { font-size: 10pt; margin: 0; max-width: none; padding: 0 } .scroll { overflow: visible } h2, h3 { break-after: avoid } tr, li, pre { break-inside: avoid } }
";

/// The whole page.
pub(super) fn page(title: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n"
    )
}

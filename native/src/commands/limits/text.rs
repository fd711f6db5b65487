//! Limits as tables: those that hold, all that are known, and one of them whole.

use super::{Asked, Known};
use crate::cli::output::{mib, table, wrapped};
use dhurandhar_core::device::limits::{Amount, Class, Entry};
use dhurandhar_core::device::{MemoryKind, Platform, State};

/// The limits that hold, each with its bytes by state and what is known of it.
pub(crate) fn held(asked: &Asked, limits: &[Known]) -> String {
    let version = match asked.version {
        Some(version) => format!(" {version}"),
        None if asked.platform.versions().is_empty() || asked.platform == Platform::Linux => String::new(),
        None => ", newest version".to_owned(),
    };
    let memory = asked
        .ram_mib
        .map_or_else(String::new, |mib| format!(", {} GB of memory", (mib as f64 / 102.4).round() / 10.0));
    let system = asked.platform.title();
    let name = if asked.title == system { String::new() } else { format!("{}: ", asked.title) };
    let mut text = wrapped(&format!("{name}{system}{version}{memory}"), "");
    text += "\n";
    let states: Vec<State> = match asked.state {
        Some(state) => vec![state],
        None => asked.platform.states().to_vec(),
    };
    let mut header = vec!["Limit, MiB"];
    header.extend(states.iter().map(|state| state.name()));
    header.push("of");
    let row = |known: &Known| {
        let limit = &known.limit;
        let mut cells = vec![limit.id.clone()];
        cells.extend(states.iter().map(|state| limit.states.get(*state).map_or("-".into(), mib)));
        cells.push(limit.counts.title().to_owned());
        cells
    };
    let right: Vec<usize> = (1..=states.len()).collect();
    text += &table(&header, &right, limits.iter().map(row).collect());
    for known in limits {
        let limit = &known.limit;
        text += "\n";
        text += &wrapped(&format!("{}: {}", limit.id, limit.title), "");
        let asks = if limit.on_request { "Only with a permission that the app asks for. " } else { "" };
        text +=
            &wrapped(&format!("{asks}Counts {}. Beyond it: {}.", counted(known), limit.beyond.title()), "  ");
        if let (Some(who), Some(since)) = (known.who, known.since) {
            text += &wrapped(&format!("By {who}, since {since}."), "  ");
        }
        let source = &limit.source.text;
        let reference = known.reference.filter(|reference| !source.contains(*reference));
        let reference = reference.map_or_else(String::new, |reference| format!(" ({reference})"));
        text += &wrapped(&format!("{}: {source}{reference}", sure(limit)), "  ");
    }
    let named: Vec<&str> = dhurandhar_core::device::limits::registry::entries()
        .filter(|entry| entry.named_only && entry.systems.contains(&asked.platform))
        .filter(|entry| limits.iter().all(|known| known.limit.id != entry.name))
        .map(|entry| entry.name.as_str())
        .collect();
    if !named.is_empty() {
        text += "\n";
        text += &wrapped(&format!("Hold only where a device's file names them: {}.", named.join(", ")), "");
    }
    text
}

fn sure(limit: &dhurandhar_core::device::Limit) -> &'static str {
    use dhurandhar_core::device::SourceKind;
    match limit.source.kind {
        SourceKind::Estimate => "Estimate",
        SourceKind::SecondHand => "Second hand",
        SourceKind::Published => "Published",
        SourceKind::SpecSheet => "Data sheet",
        SourceKind::Measured => "Measured",
        SourceKind::Stated => "Stated",
    }
}

/// Kinds of memory, or the sum that a limit of the device itself is compared with.
fn counted(known: &Known) -> String {
    if known.kinds.is_empty() { known.limit.counts.title().to_owned() } else { kinds(known.kinds) }
}

fn kinds(kinds: &[MemoryKind]) -> String {
    let titles: Vec<&str> = kinds.iter().map(|kind| kind.title()).collect();
    titles.join(", ")
}

/// A line for every limit that is known.
pub(crate) fn list(entries: &[&Entry]) -> String {
    let row = |entry: &&Entry| {
        let systems: Vec<&str> = entry.systems.iter().map(|system| system.name()).collect();
        let holds = if entry.named_only { "where named" } else { "always" };
        vec![entry.name.clone(), systems.join(", "), holds.to_owned(), entry.title.clone()]
    };
    let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
    let systems = |row: &Vec<String>| {
        if row[1].matches(',').count() > 2 { "several".to_owned() } else { row[1].clone() }
    };
    let rows = rows.iter().map(|row| vec![row[0].clone(), systems(row), row[2].clone()]).collect();
    table(&["Limit", "Systems", "Holds"], &[], rows)
        + "\nOne of them whole: `dhurandhar limits NAME`. Where named: on devices whose file\nlists it under `limits`.\n"
}

/// One limit with all its classes.
pub(crate) fn one(entry: &Entry) -> String {
    let mut text = wrapped(&format!("{} ({})", entry.title, entry.name), "");
    text += "\n";
    let systems: Vec<&str> = entry.systems.iter().map(|system| system.title()).collect();
    let mut line = |name: &str, value: &str| {
        let body = wrapped(value, "            ");
        text += &format!("{name:<11} {}", body.trim_start());
    };
    line("Set by:", &entry.who);
    line("On:", &systems.join(", "));
    line("Counts:", &kinds(&entry.counts));
    line("Beyond it:", entry.beyond.title());
    line("Since:", &entry.since);
    if let Some(permission) = &entry.on_request {
        line("Only with:", permission);
    }
    line("Source:", &format!("{} ({})", entry.source, entry.confidence.title()));
    text += "\n";
    let differ =
        entry.classes.iter().any(|class| class.amount(State::Service) != class.amount(State::Foreground));
    let states: &[State] = if differ { &State::ALL } else { &[State::Foreground] };
    let mut header = vec!["Class"];
    header.extend(states.iter().map(|state| if differ { state.name() } else { "bytes" }));
    let row = |class: &Class| {
        let mut cells = vec![class.title.clone()];
        cells.extend(states.iter().map(|state| {
            class.amount(*state).map_or("unknown".to_owned(), |amount| match amount {
                Amount::None => "none".to_owned(),
                amount => amount.to_string().replace(" of memory", ""),
            })
        }));
        cells
    };
    let right: Vec<usize> = (1..=states.len()).collect();
    text += &table(&header, &right, entry.classes.iter().map(row).collect());
    for class in &entry.classes {
        let mut about: Vec<String> = Vec::new();
        if class.shown_only {
            about.push("shown only, taken by no device".to_owned());
        }
        if class.sample {
            about.push("a sample, not a phone's own".to_owned());
        }
        if !class.note.is_empty() {
            about.push(class.note.clone());
        }
        if class.source.is_some() || class.confidence.is_some() {
            let (source, sure) = (entry.source_of(class), entry.confidence_of(class).title());
            about.push(format!("{source} ({sure})"));
        }
        if !about.is_empty() {
            text += &wrapped(&format!("{}: {}", class.title, about.join("; ")), "  ");
        }
    }
    if !entry.note.is_empty() {
        text += "\n";
        text += &wrapped(&entry.note, "");
    }
    text
}

/// A limit as data.
pub(crate) fn data(entry: &Entry) -> serde_json::Value {
    let class = |class: &Class| {
        let amount = |state| class.amount(state).map(|amount| amount.to_string());
        serde_json::json!({
            "title": class.title,
            "ram_from_mib": class.ram_from_mib,
            "ram_below_mib": class.ram_below_mib,
            "devices": class.devices,
            "foreground": amount(State::Foreground),
            "service": amount(State::Service),
            "background": amount(State::Background),
            "cached": amount(State::Cached),
            "sample": class.sample,
            "shown_only": class.shown_only,
            "source": entry.source_of(class),
            "confidence": entry.confidence_of(class),
            "note": class.note,
        })
    };
    serde_json::json!({
        "name": entry.name,
        "title": entry.title,
        "who": entry.who,
        "systems": entry.systems,
        "counts": entry.counts,
        "beyond": entry.beyond,
        "since": entry.since,
        "source": entry.source,
        "confidence": entry.confidence,
        "on_request": entry.on_request,
        "named_only": entry.named_only,
        "note": entry.note,
        "classes": entry.classes.iter().map(class).collect::<Vec<_>>(),
    })
}

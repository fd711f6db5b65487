//! Reading a [`Device`] from YAML, range-checked; what is not stated follows from the class and the system.

use super::{
    BudgetMetric, Device, Form, Gpu, MAX_CARDS, Maker, Os, Platform, Processor, Source, SourceKind, Sources,
    Storage, StorageClass, UnknownGpu, gpu::TFLOPS, limits, storage,
};
use crate::format::document;
use crate::format::document::{DocumentError, Fields, Node};
use crate::leaf::units::GIB;

const MAX_RAM_MIB: u64 = 16_777_216;

/// Fields whose source may be stated.
const SOURCED: [&str; 19] = [
    "form",
    "processor",
    "gpu",
    "ram_mib",
    "cgroup_mib",
    "ram_budget_mb",
    "budget_metric",
    "dram_bandwidth_gb_per_s",
    "cpu_gflops",
    "cpu_int8_gops",
    "sustained_share",
    "gpu_vector_tflops",
    "page_size_kib",
    "supports_npu",
    "storage.class",
    "storage.sequential_read_mb_per_s",
    "storage.random_read_latency_us",
    "storage.random_read_iops",
    "storage.queue_depth",
];

impl Device {
    /// Parse a device; `source` names the file in messages.
    pub fn from_yaml(source: &str, text: &str) -> Result<Self, DocumentError> {
        let node = document::parse_yaml(source, text)?;
        let fields = Fields::of(source, &node)?;
        let mut device = read(&fields)?;
        system(&fields, &mut device)?;
        fields.finish()?;
        Ok(device)
    }

    /// Read a device that states its own budget from a document; `source` names it in messages. It gets no limits of
    /// its system, so that who has no use for them need not carry them.
    pub fn from_node(source: &str, node: &Node) -> Result<Self, DocumentError> {
        let fields = Fields::of(source, node)?;
        let device = read(&fields)?;
        fields.finish()?;
        Ok(device)
    }
}

/// The system, its version and the limits that follow.
fn system(fields: &Fields<'_>, device: &mut Device) -> Result<(), DocumentError> {
    if let Some(platform) = fields.choice("platform", &Platform::NAMES)? {
        if platform.os() != device.os {
            let expected = format!("a system of the family that `os` states, {}", device.os.name());
            return Err(fields.wrong_value("platform", &format!("{:?}", platform.name()), &expected));
        }
        device.platform = platform;
    }
    if let Some(text) = limits::read::version_text(fields, "version")? {
        let version = device.platform.version(&text);
        device.os_version = Some(version.map_err(|unknown| {
            fields.wrong_value("version", &text, &format!("a version that is known: {unknown}"))
        })?);
    }
    let setting = limits::Setting {
        platform: device.platform,
        version: device.os_version,
        ram_mib: device.ram_mib,
        device: &device.name,
    };
    device.system_limits = limits::read::of_device(fields, &setting, device.ram_budget_mb.is_some())?;
    Ok(())
}

fn read(fields: &Fields<'_>) -> Result<Device, DocumentError> {
    let name = fields.require_text("name")?;
    let mut sources = stated_sources(fields)?;
    let os = fields.choice("os", &Os::NAMES)?.unwrap_or(Os::Other);
    let ram_mib = fields.integer("ram_mib", 64..=MAX_RAM_MIB)?;
    let budget = fields.number("ram_budget_mb", 1.0..=ram_mib.unwrap_or(MAX_RAM_MIB) as f64)?;
    if budget.is_none() && ram_mib.is_none() {
        return Err(fields.missing("ram_budget_mb", "the MiB one app may use (or `ram_mib`)"));
    }
    let metrics = [("rss", BudgetMetric::Rss), ("footprint", BudgetMetric::Footprint)];
    let metric = fields.choice("budget_metric", &metrics)?;
    let page_size = fields.integer("page_size_kib", 4..=64)?;
    if let Some(kib) = page_size.filter(|kib| !kib.is_power_of_two()) {
        return Err(fields.wrong_value("page_size_kib", &kib.to_string(), "4, 8, 16, 32 or 64"));
    }
    let processor = fields.choice("processor", &Processor::NAMES)?;
    let mut gpu = match fields.text("gpu")? {
        None => os.gpu(),
        Some("none") => None,
        Some("metal") => Some(Gpu::metal()),
        Some(name) => Some(named_gpu(fields, "gpu", name, "none, metal, integrated, or ")?),
    };
    if let Some(gpu) = &mut gpu {
        own_gpu(fields, gpu)?;
        if gpu.memory_mib.is_some() && matches!(os, Os::Android | Os::Ios) {
            let expected =
                format!("a GPU in the device's own memory, as {} has (none, integrated)", os.name());
            return Err(fields.wrong_value("gpu", &gpu.name, &expected));
        }
    }
    if let Some(processor) = processor
        .filter(|processor| os == Os::Ios && matches!(processor, Processor::Avx2 | Processor::Avx512))
    {
        return Err(fields.wrong_value(
            "processor",
            processor.name(),
            "one of Arm's, as every iOS device has",
        ));
    }
    for (field, stated) in [
        ("budget_metric", metric.is_some()),
        ("page_size_kib", page_size.is_some()),
        ("processor", processor.is_some()),
    ] {
        if !stated {
            insert(&mut sources, field, estimate(format!("usual for the operating system ({})", os.name())));
        }
    }
    let storage = storage_of(fields, &mut sources)?;
    Ok(Device {
        name: name.to_owned(),
        title: fields.text("title")?.unwrap_or(name).to_owned(),
        os,
        platform: Platform::of(os),
        os_version: None,
        form: fields.choice("form", &Form::NAMES)?.unwrap_or(os.form()),
        processor: processor.unwrap_or(os.processor()),
        more_gpus: more_gpus(fields, gpu.as_ref())?,
        gpu,
        ram_mib,
        cgroup_mib: fields.integer("cgroup_mib", 1..=MAX_RAM_MIB)?,
        ram_budget_mb: budget,
        system_limits: Vec::new(),
        budget_metric: metric.unwrap_or(os.budget_metric()),
        dram_bandwidth_gb_per_s: fields.number("dram_bandwidth_gb_per_s", 0.1..=20_000.0)?,
        cpu_gflops: fields.number("cpu_gflops", 0.1..=1e6)?,
        cpu_int8_gops: fields.number("cpu_int8_gops", 0.1..=1e7)?,
        sustained_share: fields.number("sustained_share", 0.01..=1.0)?,
        measured_speeds: Vec::new(),
        storage,
        page_size_kib: page_size.unwrap_or(os.page_size_kib()),
        supports_npu: fields.flag("supports_npu")?.unwrap_or(false),
        notes: fields.text("notes")?.unwrap_or_default().to_owned(),
        sources,
    })
}

fn named_gpu(fields: &Fields<'_>, field: &str, name: &str, others: &str) -> Result<Gpu, DocumentError> {
    let unknown = |unknown: UnknownGpu| {
        let near = unknown.nearest.as_deref().unwrap_or("rtx-4060");
        fields.wrong_value(field, name, &format!("{others}the name of a card such as {near}"))
    };
    Gpu::named(name).map_err(unknown)
}

/// Cards beside the first, and those of other machines.
fn more_gpus(fields: &Fields<'_>, first: Option<&Gpu>) -> Result<Vec<Gpu>, DocumentError> {
    let mut found: Vec<Gpu> = Vec::new();
    for (field, remote) in [("rpc_gpus", true), ("more_gpus", false)] {
        for name in fields.texts(field)? {
            let gpu = Gpu { remote, ..named_gpu(fields, field, &name, "")? };
            if gpu.memory_mib.is_none() || first.is_some_and(|first| first.memory_mib.is_none()) {
                let expected =
                    "cards with memory of their own, with no GPU that shares the host's (gpu: none)";
                return Err(fields.wrong_value(field, &name, expected));
            }
            found.push(gpu);
        }
    }
    if found.len() >= MAX_CARDS {
        let count = found.len().to_string();
        return Err(fields.wrong_value("more_gpus", &count, "at most 3 cards after the first"));
    }
    Ok(found)
}

/// What the file says of a GPU that shares the device's memory.
fn own_gpu(fields: &Fields<'_>, gpu: &mut Gpu) -> Result<(), DocumentError> {
    gpu.maker = fields.choice("gpu_maker", &Maker::NAMES)?.or(gpu.maker);
    gpu.vector_tflops = fields.number("gpu_vector_tflops", TFLOPS)?.or(gpu.vector_tflops);
    gpu.matrix_tflops = fields.number("gpu_matrix_tflops", TFLOPS)?.or(gpu.matrix_tflops);
    Ok(())
}

fn stated_sources(fields: &Fields<'_>) -> Result<Sources, DocumentError> {
    let mut sources = Sources::default();
    if let Some(map) = fields.map("sources")? {
        for field in SOURCED {
            if let Some(text) = map.text(field)? {
                sources.add(field, Source::parse(text));
            }
        }
        map.finish()?;
    }
    Ok(sources)
}

fn storage_of(fields: &Fields<'_>, sources: &mut Sources) -> Result<Storage, DocumentError> {
    let stated = StatedStorage::read(fields)?;
    let Some(class) = stated.class.or_else(|| StorageClass::nearest(stated.sequential?)) else {
        let expected = "GiB/s of sequential reads (or `storage` with a class)";
        return Err(fields.missing("flash_read_gbps", expected));
    };
    let assumed = stated.class.is_none();
    let mut usual = |field: &str, source: Source| {
        let nearest = || estimate(format!("taken from {}, the class of nearest speed", class.title));
        insert(sources, field, if assumed { nearest() } else { source });
    };
    if stated.sequential.is_none() {
        usual("storage.sequential_read_mb_per_s", Source::parse(class.sequential_read_mb_per_s.1));
    }
    if stated.latency_us.is_none() {
        usual("storage.random_read_latency_us", Source::parse(class.random_read_latency_us.1));
    }
    let (iops, iops_source) = class.iops();
    if stated.iops.is_none() {
        usual("storage.random_read_iops", iops_source);
    }
    if stated.queue_depth.is_none() {
        usual("storage.queue_depth", estimate("outstanding reads that the class's rate needs".into()));
    }
    Ok(Storage {
        class: stated.class.map(|class| class.name.to_owned()),
        sequential_read_mb_per_s: stated.sequential.unwrap_or(class.sequential_read_mb_per_s.0),
        random_read_latency_us: stated.latency_us.unwrap_or(class.random_read_latency_us.0),
        random_read_iops: stated.iops.unwrap_or(iops),
        queue_depth: stated.queue_depth.unwrap_or(class.queue_depth),
    })
}

/// What the file says about storage.
#[derive(Default)]
struct StatedStorage {
    class: Option<&'static StorageClass>,
    sequential: Option<f64>,
    latency_us: Option<f64>,
    iops: Option<f64>,
    queue_depth: Option<u64>,
}

impl StatedStorage {
    fn read(fields: &Fields<'_>) -> Result<Self, DocumentError> {
        // The first version's unit is 2^30 bytes a second.
        let flash = fields.number("flash_read_gbps", 1e-4..=1_000.0)?.map(|gib| gib * GIB as f64 / 1e6);
        let Some(map) = fields.map("storage")? else {
            return Ok(Self { sequential: flash, ..Self::default() });
        };
        let names: Vec<_> = storage::CLASSES.iter().map(|class| (class.name, class)).collect();
        let sequential = map.number("sequential_read_mb_per_s", 0.1..=200_000.0)?;
        if let (Some(flash), Some(sequential)) = (flash, sequential)
            && (flash / sequential - 1.0).abs() > 0.01
        {
            let expected = format!("the same speed as flash_read_gbps, {flash:.1}");
            return Err(map.wrong_value("sequential_read_mb_per_s", &sequential.to_string(), &expected));
        }
        let stated = Self {
            class: map.choice("class", &names)?,
            sequential: sequential.or(flash),
            latency_us: map.number("random_read_latency_us", 0.1..=1e6)?,
            iops: map.number("random_read_iops", 1.0..=1e9)?,
            queue_depth: map.integer("queue_depth", 1..=65_536)?,
        };
        map.finish()?;
        Ok(stated)
    }
}

fn insert(sources: &mut Sources, field: &str, source: Source) {
    sources.add(field, source);
}

fn estimate(text: String) -> Source {
    Source { kind: SourceKind::Estimate, text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(text: &str) -> String {
        Device::from_yaml("d.yaml", text).unwrap_err().to_string()
    }

    #[test]
    fn five_fields_are_enough() {
        let text = "name: Snapdragon 8 Gen 4 (UFS 4.0)\nram_budget_mb: 3072\nflash_read_gbps: 4.5\n\
                    supports_npu: true\nnotes: Measured on a desk.\n";
        let device = Device::from_yaml("d.yaml", text).unwrap();
        assert_eq!(device.ram_budget_bytes(), Some(3 << 30));
        assert!((device.flash_read_gbps() - 4.5).abs() < 1e-12);
        assert_eq!(device.storage.class, None);
        assert!((device.storage.random_read_latency_us - 70.0).abs() < 1e-9);
        let latency = device.sources.get("storage.random_read_latency_us").unwrap();
        assert_eq!(latency.text, "taken from UFS 4.1, the class of nearest speed");
        assert_eq!(
            (device.os, device.budget_metric, device.page_size_kib),
            (Os::Other, BudgetMetric::Rss, 4)
        );
    }

    #[test]
    fn system_and_class_fill_the_rest() {
        let text = "name: phone\nos: ios\nram_mib: 8192\nstorage: {class: iphone-nvme}\n";
        let device = Device::from_yaml("d.yaml", text).unwrap();
        assert_eq!(device.ram_budget_mb, None);
        assert_eq!(device.limits()[0].id, "jetsam");
        assert_eq!((device.budget_metric, device.page_bytes()), (BudgetMetric::Footprint, 16_384));
        assert_eq!(
            device.sources.get("storage.sequential_read_mb_per_s").unwrap().kind,
            SourceKind::SpecSheet
        );
    }

    #[test]
    fn absurd_and_unknown_fields_are_named() {
        for (text, message) in [
            (
                "name: a\nram_budget_mb: -1\nflash_read_gbps: 1\n",
                "d.yaml:2: field `ram_budget_mb` is -1; expected a number from 1 to 16777216",
            ),
            (
                "name: a\nram_mib: 4096\nram_budget_mb: 9000\nflash_read_gbps: 1\n",
                "d.yaml:3: field `ram_budget_mb` is 9000; expected a number from 1 to 4096",
            ),
            (
                "name: a\nram_budget_mb: 9\n",
                "d.yaml:1: field `flash_read_gbps` is missing; expected GiB/s of sequential reads (or `storage` with a class)",
            ),
            (
                "name: a\nram_budget_mb: 9\nflash_read_gbs: 1\nstorage: {class: ufs-4.0}\n",
                "d.yaml:3: unknown field `flash_read_gbs`; did you mean `flash_read_gbps`?",
            ),
            (
                "name: a\nram_budget_mb: 9\nstorage: {class: ufs-4.0}\npage_size_kib: 12\n",
                "d.yaml:4: field `page_size_kib` is 12; expected 4, 8, 16, 32 or 64",
            ),
            (
                "name: a\nram_budget_mb: 9\nflash_read_gbps: 1\nstorage: {sequential_read_mb_per_s: 9}\n",
                "d.yaml:4: field `storage.sequential_read_mb_per_s` is 9; expected the same speed as flash_read_gbps, 1073.7",
            ),
            (
                "name: a\nram_budget_mb: .nan\nflash_read_gbps: 1\n",
                "d.yaml:2: field `ram_budget_mb` is NaN; expected a number from 1 to 16777216",
            ),
            (
                "name: a\nram_budget_mb: 9\nflash_read_gbps: 1\nsources: {ram: x}\n",
                "d.yaml:4: unknown field `sources.ram`; did you mean `ram_mib`?",
            ),
        ] {
            assert_eq!(error(text), message);
        }
    }

    proptest! {
        #[test]
        fn any_numbers_give_a_sound_device_or_an_error(
            ram in -10_i64..20_000_000, budget in -9.0_f64..30_000.0, flash in -1.0_f64..1_100.0, page in 0_u64..20,
        ) {
            let text = format!(
                "name: x\nram_mib: {ram}\nram_budget_mb: {budget}\nflash_read_gbps: {flash}\npage_size_kib: {page}\n"
            );
            if let Ok(device) = Device::from_yaml("d.yaml", &text) {
                prop_assert!(device.ram_budget_mb.is_some_and(|budget| budget >= 1.0 && budget <= ram as f64));
                prop_assert!(device.storage.random_read_latency_us > 0.0 && device.page_bytes().is_power_of_two());
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "(name: x\n)?(storage: )?[ -~\n]{0,80}") {
            let _ = Device::from_yaml("d.yaml", &text);
        }
    }
}

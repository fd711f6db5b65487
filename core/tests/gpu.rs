//! What llama.cpp 0.5 put on a Vulkan device (Mesa's software driver) and kept with the host, in real loads.

use dhurandhar_core::device::GpuKind;
use dhurandhar_core::memory::{LoadMode, Offload, Scenario, TensorOverride};
use dhurandhar_core::model::import::import;
use dhurandhar_core::model::registry;
use dhurandhar_core::placement::{Component, Kind, Machine, Placement, Pool};
use dhurandhar_core::weights::{WeightFormat, WeightPlan};

const CARD: Machine =
    Machine { gpu: Some(GpuKind::Discrete), gpu_memory_bytes: Some(64 << 30), ..Machine::X86 };

const WEIGHTS: [Component; 6] = [
    Component::UnusedWeights,
    Component::Decoder,
    Component::Experts,
    Component::TokenEmbedding,
    Component::OutputHead,
    Component::PleTable,
];

#[cfg(test)]
fn placed(model: &str, context: u64, change: impl Fn(&mut Scenario)) -> Placement {
    let model = registry::model(model).unwrap_or_else(|_| {
        let path = format!("{}/../tests/fixtures/configs/{model}.json", env!("CARGO_MANIFEST_DIR"));
        import("config.json", &std::fs::read(path).unwrap(), None).unwrap()
    });
    let mut scenario = Scenario::for_model(&model);
    (scenario.context_tokens, scenario.weights) = (context, WeightFormat::parse("q4_k_m").unwrap());
    change(&mut scenario);
    let plan = WeightPlan::new(&model, scenario.weights).unwrap();
    Placement::of(&model, &plan, &scenario, CARD)
}

/// Expected bytes of these components in a pool.
#[cfg(test)]
fn bytes(placement: &Placement, pool: Pool, components: &[Component]) -> u64 {
    let parts =
        placement.parts.iter().filter(|part| part.pool == pool && components.contains(&part.component));
    parts.map(|part| part.size.bytes).sum()
}

/// Channels of a token that stand at once in the graph on the card, beside masks: read off compute buffers at several contexts
/// and micro-batches.
#[test]
fn graphs_on_a_card() {
    for (model, channels) in [
        ("tinyllama-1.1b", 20_997_u64),
        ("qwen3-8b", 45_061),
        ("phi-4", 64_005),
        ("gemma2-2b", 36_361),
        ("gemma3-12b", 57_865),
        ("gemma4-e2b", 53_001),
        ("qwen3-30b-a3b", 43_013),
        ("gpt-oss-20b", 44_425),
    ] {
        for context in [1024, 2048] {
            let placement = placed(model, context, |scenario| scenario.offload = Offload::All);
            let graph = bytes(&placement, Pool::Vram, &[Component::Compute]);
            let masks = graph - channels * 4 * 512 - 16;
            // Two bytes for every token and cell of a cache, of which there are two where there are windows.
            assert_eq!(masks % 1024, 0, "{model} at {context}: {graph}");
            assert!((context..=2 * context).contains(&(masks / 1024)), "{model} at {context}: {graph}");
        }
    }
}

#[test]
fn loads_on_a_software_driver() {
    let cached = [Component::KvCache, Component::RecurrentState];
    // Model, context, layers, experts kept, weights on the card, caches there, graph there, weights of the host.
    for (model, context, offload, moe, weights, cache, compute, host) in [
        (
            "gemma2-2b",
            8192,
            Offload::Layers(13),
            0,
            1_052_402_688_u64,
            314_572_800_u64,
            97_961_984_u64,
            1_133_982_720_u64,
        ),
        ("gemma2-2b", 8192, Offload::All, 0, 1_702_536_192, 681_574_400, 87_574_544, 483_840_000),
        ("lfm2-8b-a1b", 8192, Offload::All, 12, 2_939_467_520, 100_958_208, 144_844_816, 2_213_019_744),
        (
            "granite-4.0-h-micro",
            8192,
            Offload::Layers(20),
            0,
            1_011_107_584,
            70_093_824,
            82_577_408,
            1_096_480_000,
        ),
        ("gemma4-e2b", 8192, Offload::All, 0, 1_485_302_320, 62_914_560, 117_983_248, 2_257_065_984),
    ] {
        let placement = placed(model, context, |scenario| {
            (scenario.offload, scenario.cpu_moe_layers) = (offload, moe);
        });
        let name = format!("{model} {offload}");
        // Four-byte scalars are padded in a card's buffers.
        let padded = bytes(&placement, Pool::Vram, &WEIGHTS);
        assert!(padded <= weights && weights - padded < 2_048, "{name}: weights {padded} of {weights}");
        assert_eq!(bytes(&placement, Pool::Vram, &cached), cache, "{name}");
        // What is mapped reaches from the first to the last tensor that stays.
        let kept = bytes(&placement, Pool::Host, &WEIGHTS);
        assert!(kept <= host && host - kept < 10_240, "{name}: host {kept} of {host}");
        let graph =
            placement.parts.iter().find(|p| p.pool == Pool::Vram && p.component == Component::Compute);
        let size = graph.unwrap().size;
        assert!((size.low..=size.high).contains(&compute), "{name}: graph {size:?}, {compute}");
        if offload == Offload::All && moe == 0 {
            assert!(size.bytes.abs_diff(compute) <= 16, "{name}: graph {}, {compute}", size.bytes);
        }
    }
}

/// A GPU in the host's memory that copies: the same bytes as on a card with all layers there (`gemma-2-2b all` of the real
/// loads), the table that is looked up beside them, and nothing mapped.
#[test]
fn an_integrated_gpu_copies_everything_into_anonymous_memory() {
    let model = registry::model("gemma2-2b").unwrap();
    let mut scenario = Scenario::for_model(&model);
    (scenario.context_tokens, scenario.weights) = (8_192, WeightFormat::parse("q4_k_m").unwrap());
    let plan = WeightPlan::new(&model, scenario.weights).unwrap();
    let machine = Machine { gpu: Some(GpuKind::Integrated), ..Machine::X86 };
    let placement = Placement::of(&model, &plan, &scenario, machine);
    assert_eq!(bytes(&placement, Pool::Gpu, &WEIGHTS), 1_702_536_192);
    assert_eq!(bytes(&placement, Pool::Host, &WEIGHTS), 483_840_000);
    assert_eq!(bytes(&placement, Pool::Gpu, &[Component::KvCache]), 681_574_400);
    let weights = placement.parts.iter().filter(|part| WEIGHTS.contains(&part.component));
    assert!(weights.clone().all(|part| part.kind == Kind::Anonymous));
    assert_eq!(placement.bytes(Component::PackedWeights), 0);
    // No layer there and no GPU are the same where the memory is shared; on a card the buffers stay, and nothing is packed.
    let none = Scenario { offload: Offload::Layers(0), ..scenario.clone() };
    assert_eq!(Placement::of(&model, &plan, &none, machine).needs.gpu.high, 0);
    let card = Placement::of(&model, &plan, &none, CARD);
    assert!(card.needs.gpu.bytes > 0 && card.bytes(Component::PackedWeights) == 0);
    // Locked, the tables stay mapped and the GPU still has its copy.
    let locked = Scenario { load: LoadMode::Mlock, ..scenario.clone() };
    let locked = Placement::of(&model, &plan, &locked, machine);
    assert!(locked.of_component(Component::Decoder).all(|part| part.kind == Kind::Anonymous));
    // Told to use the processor only, it maps and packs as ever.
    scenario.offload = Offload::Off;
    let processor = Placement::of(&model, &plan, &scenario, machine);
    assert!(processor.needs.gpu.high == 0 && processor.bytes(Component::PackedWeights) > 0);
}

/// The compute buffer on the card of Llama 2 7B's widths with four layers and 32,768 tokens, by llama.cpp's allocator on the
/// software driver: keys of the next host layer are brought while keys and values of one are in use.
#[test]
fn long_caches_of_the_host_are_brought_in_turn() {
    let config = br#"{"model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 4,
        "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 32000, "max_position_embeddings": 32768,
        "rms_norm_eps": 1e-05, "rope_theta": 10000.0}"#;
    let model = import("config.json", config, None).unwrap();
    for (layers, measured) in [(1, 865_100_000.0), (2, 865_100_000.0), (4, 596_600_000.0), (5, 118_000_000.0)]
    {
        let scenario = Scenario {
            offload: Offload::Layers(layers),
            context_tokens: 32_768,
            weights: WeightFormat::parse("q4_k_m").unwrap(),
            ..Scenario::for_model(&model)
        };
        let plan = WeightPlan::new(&model, scenario.weights).unwrap();
        let placement = Placement::of(&model, &plan, &scenario, CARD);
        let graph = bytes(&placement, Pool::Vram, &[Component::Compute]) as f64;
        assert!((0.9..1.1).contains(&(graph / measured)), "{layers}: {graph}");
    }
}

/// Models whose graphs are written but for something small: layers without rotation, a router of eight experts, holes that
/// depend on how many layers there are.
const NEARLY: [&str; 4] = ["smollm3-3b", "mixtral-8x7b", "gemma4-12b", "gemma4-e2b"];

/// Buffers of graphs in `q4_k_m` by llama.cpp's allocator: with one layer on the card, half of them, all but the first, all;
/// caches with the host; tensors kept there by name, and experts.
#[test]
fn graphs_are_laid_out_as_llama_cpp_does() {
    let table = include_str!("../../tests/fixtures/llama-cpp-graphs.csv");
    let (mut near, mut exact, mut all) = (0, 0, 0);
    for line in table.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |at: usize| cells[at].parse::<u64>().unwrap();
        let model = registry::model(cells[0]).unwrap();
        let kept = model.tensors.iter().map(|tensor| tensor.name.clone());
        let kept = kept.filter(|name| !cells[6].is_empty() && name.contains(cells[6]));
        let mut kept: Vec<_> = kept.map(|tensor| TensorOverride { tensor, card: None }).collect();
        kept.sort_by(|a, b| a.tensor.cmp(&b.tensor));
        let placement = placed(cells[0], number(4), |scenario| {
            scenario.offload = Offload::Layers(number(1));
            (scenario.cpu_moe_layers, scenario.kv_offload) = (number(2), number(3) == 1);
            (scenario.ubatch, scenario.tensor_overrides) = (number(5), kept.clone());
        });
        let (graph, measured) = (bytes(&placement, Pool::Vram, &[Component::Compute]), number(7));
        let off = if NEARLY.contains(&cells[0]) { measured / 8 } else { 0 };
        assert!(graph.abs_diff(measured) <= off, "{line}: {graph}");
        exact += u32::from(graph == measured);
        near += u32::from(graph.abs_diff(measured) * 20 <= measured);
        all += 1;
    }
    assert!(near + 3 >= all && exact + 19 >= all, "{exact} exact and {near} within 5 % of {all}");
}

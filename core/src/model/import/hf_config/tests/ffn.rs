//! Widths of feed-forward blocks, and experts.

use super::*;

#[test]
fn an_unlisted_type_with_squared_relu_has_two_matrices_a_block() {
    let model = small(r#", "model_type": "novel", "hidden_act": "relu2""#);
    assert_eq!(model.architecture.layers[0].ffn, Ffn::Dense { width: 512, gated: false });
    assert!(
        model.architecture.assumptions[0].contains("two matrices"),
        "{:?}",
        model.architecture.assumptions
    );
}

#[test]
fn double_wide_blocks_stand_where_kv_is_shared() {
    let model = load("gemma4-e2b");
    let width = |layer: usize| match model.architecture.layers[layer].ffn {
        Ffn::Dense { width, .. } => width,
        ref other => panic!("{other:?}"),
    };
    assert_eq!((width(0), width(14), width(15), width(34)), (6_144, 6_144, 12_288, 12_288));
    let donor = |layer| match attention(&model, layer).kv {
        KvSource::Shared { donor, .. } => donor,
        KvSource::Own => panic!("layer {layer} owns its cache"),
    };
    // The last sliding and the last full layer that still keep a cache.
    assert_eq!((donor(15), donor(19)), (13, 14));
    assert_eq!((attention(&model, 13).k_head_dim, attention(&model, 14).k_head_dim), (256, 512));
}

#[test]
fn experts_are_resident_but_few_are_read() {
    let counts = load("qwen3-30b-a3b").parameters();
    assert!((3.0e9..3.4e9).contains(&(counts.active_per_token as f64)), "{}", counts.active_per_token);
    let tiny = load("granite-4.0-h-tiny").parameters();
    assert!((6.8e9..7.0e9).contains(&(tiny.text as f64)), "{}", tiny.text);
    let sparse = small(
        r#", "model_type": "qwen3_moe", "num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 64, "decoder_sparse_step": 2"#,
    );
    let dense = |layer: usize| matches!(sparse.architecture.layers[layer].ffn, Ffn::Dense { width: 512, .. });
    assert_eq!((0..4).map(dense).collect::<Vec<_>>(), [true, false, true, false]);
    let listed = small(
        r#", "model_type": "qwen3_moe", "num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 64, "mlp_only_layers": [2]"#,
    );
    assert!(matches!(listed.architecture.layers[2].ffn, Ffn::Dense { .. }));
    assert!(matches!(listed.architecture.layers[3].ffn, Ffn::Experts { experts: 8, .. }));
}

/// Checkpoints of ERNIE state -1 for the last layer.
#[test]
fn experts_may_end_before_the_last_layer() {
    let sparse = |end: &str| {
        let model = small(&format!(
            r#", "model_type": "ernie4_5_moe", "moe_num_experts": 4, "moe_k": 2, "moe_intermediate_size": 64,
            "moe_layer_start_index": 1, "moe_layer_end_index": {end}"#
        ));
        let layers = &model.architecture.layers;
        layers.iter().map(|layer| matches!(layer.ffn, Ffn::Experts { .. })).collect::<Vec<_>>()
    };
    assert_eq!(sparse("-1"), [false, true, true, true]);
    assert_eq!(sparse("2"), [false, true, true, false]);
}

/// What a mixture's class fills in is not what a dense block has.
#[test]
fn experts_left_out_are_those_of_the_class() {
    let model = small(
        r#", "model_type": "exaone_moe", "sliding_window": 512, "num_experts": 8, "num_experts_per_tok": 2"#,
    );
    let said = model.architecture.assumptions.join("; ");
    for field in ["moe_intermediate_size", "num_shared_experts", "first_k_dense_replace"] {
        assert!(said.contains(&format!("`{field}` not given: exaone_moe's class default")), "{said}");
    }
    let layers = &model.architecture.layers;
    assert_eq!(layers[0].ffn, Ffn::Dense { width: 512, gated: true });
    assert!(
        matches!(layers[1].ffn, Ffn::Experts { width: 1_024, shared_width: 1_024, .. }),
        "{:?}",
        layers[1].ffn
    );
    let none = small(
        r#", "model_type": "exaone_moe", "sliding_window": 512, "num_experts": 8, "num_experts_per_tok": 2,
        "num_shared_experts": null"#,
    );
    assert!(matches!(none.architecture.layers[1].ffn, Ffn::Experts { shared_width: 0, .. }));
}

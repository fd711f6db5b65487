//! Sizes for people.

use dhurandhar_core::measurement::{SizeValidation, SizedModel};

/// A model in a line.
pub(super) fn line(sized: &SizedModel) -> String {
    let exact =
        sized.weights.iter().filter(|mix| mix.other_types == 0 && mix.predicted_bytes == mix.measured_bytes);
    let packed = sized.packed.iter().filter(|packed| packed.predicted_bytes == packed.measured_bytes);
    let (caches, compute) = (&sized.caches, &sized.compute);
    let card = &sized.card;
    let cards = if card.weights.settings == 0 {
        String::new()
    } else {
        format!(
            "card weights {}/{} caches {}/{} compute {}/{} split {}/{} ({:+.1} to {:+.1} %)  ",
            card.weights.exact,
            card.weights.settings,
            card.caches.exact,
            card.caches.settings,
            card.compute.within_5_percent,
            card.compute.settings,
            card.split_compute.within_5_percent,
            card.split_compute.settings,
            card.split_compute.lowest * 100.0,
            card.split_compute.highest * 100.0
        )
    };
    format!(
        "{:<24} weights {}/{}  packed {}/{}  caches {}/{}  compute {}/{} within 5 % ({:+.1} to {:+.1} %)  {cards}{}\n",
        sized.model,
        exact.count(),
        sized.weights.len(),
        packed.count(),
        sized.packed.len(),
        caches.exact,
        caches.settings,
        compute.within_5_percent,
        compute.settings,
        compute.lowest * 100.0,
        compute.highest * 100.0,
        sized.left_out,
    )
}

/// Everything in a few lines.
pub(super) fn summary(report: &SizeValidation) -> String {
    let models = &report.models;
    let group = |built_in: bool| {
        let all: Vec<&SizedModel> = models.iter().filter(|model| model.built_in == built_in).collect();
        let exact = all.iter().filter(|model| model.weights_are_exact()).count();
        format!("{exact} of {}", all.len())
    };
    let sum = |count: fn(&SizedModel) -> usize| models.iter().map(count).sum::<usize>();
    let compute = |built_in: bool| {
        let all = models.iter().filter(|model| model.built_in == built_in).map(|model| &model.compute);
        let within: usize = all.clone().map(|tally| tally.within_5_percent).sum();
        format!("{within} of {}", all.map(|tally| tally.settings).sum::<usize>())
    };
    let packed = models.iter().flat_map(|model| &model.packed);
    let exact = packed.clone().filter(|packed| packed.predicted_bytes == packed.measured_bytes).count();
    let card = |of: fn(&SizedModel) -> (usize, usize)| {
        let (right, all) = models.iter().map(of).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        format!("{right} of {all}")
    };
    let on_card = format!(
        "on a card: weights exact {}, caches exact {}, compute within 5 % {}, split {}\n",
        card(|model| (model.card.weights.exact, model.card.weights.settings)),
        card(|model| (model.card.caches.exact, model.card.caches.settings)),
        card(|model| (model.card.compute.within_5_percent, model.card.compute.settings)),
        card(|model| (model.card.split_compute.within_5_percent, model.card.split_compute.settings)),
    );
    format!(
        "\n{}\nweights exact in every mix: {} built-in models, {} configs\npacked copies exact: {exact} of {}\n\
         caches exact: {} of {} settings\ncompute within 5 %: {} settings of built-in models, {} of configs\n{on_card}",
        report.runtime,
        group(true),
        group(false),
        packed.count(),
        sum(|model| model.caches.exact),
        sum(|model| model.caches.settings),
        compute(true),
        compute(false),
    )
}

//! Gradients, losses and resumption on tiny models.

//! What tabs are made of: fields, pictures, figures as text.

pub(crate) mod canvas;
pub(crate) mod choice;
pub(crate) mod context_field;
pub(crate) mod context_steps;
pub(crate) mod copy_link;
pub(crate) mod data_drop;
pub(crate) mod device_select;
pub(crate) mod format;
pub(crate) mod icon;
pub(crate) mod model_picker;
pub(crate) mod number_field;
pub(crate) mod options;
pub(crate) mod plot;
pub(crate) mod setting;
pub(crate) mod switch;
pub(crate) mod table_export;
pub(crate) mod verdict;

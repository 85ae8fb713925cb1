//! Scripts as Glue Studio generates them.

//! JSON as rowhook needs it: checked strictly once on arrival, then walked as
//! raw slices, never as a tree. Pure.
//!
//! - [`scan`]: is this text JSON (RFC 8259), how deep, what stands at its top
//! - [`compact`]: the same text without insignificant white space
//! - [`Walker`]: the keys and raw values of a text that was scanned before
//! - [`unescape`]: what a string's raw text means

mod scan;
mod text;
mod walk;

pub use scan::{JsonError, Scan, Top, position, scan};
pub use text::{compact, unescape, write_inside, write_string};
pub use walk::{Kind, Member, Walker, find, nested_end, path_bytes};
